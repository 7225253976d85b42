#include "hone/task/table.h"

#include <cmath>

#include <gtest/gtest.h>
#include <zlib.h>

#include "../fire/mutate.h"
#include "../program.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "made_table.h"

namespace hone::task {
namespace {

using space::Config;

Value text(const char* word) { return std::string(word); }

std::string error_of(const std::string& description, const std::string& rows) {
  try {
    Table::parse(description, rows, "t");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no '" + from + "' in it");
  return text.replace(at, from.size(), to);
}

TEST(Table, GridIsASpaceOfOrdinalsAndChoices) {
  const auto made = test::made_grid();
  const Table table = Table::parse(made.description, made.rows, "t");
  EXPECT_TRUE(table.complete());
  EXPECT_EQ(table.rows(), 24u);
  EXPECT_EQ(table.space().cardinality(), 24);
  EXPECT_EQ(table.space().parameter(0).kind, space::ParameterKind::choice);
  EXPECT_EQ(table.space().parameter(1).kind, space::ParameterKind::ordinal);
  // Ascending, whatever the description's order.
  EXPECT_EQ(table.space().parameter(2).choices.front(), Value(std::int64_t{16}));
  EXPECT_EQ(table.space().parameter(2).choices.back(), Value(std::int64_t{128}));
}

TEST(Table, AByteOrderMarkIsNoPartOfAName) {
  const std::string description = R"({"metrics": {"loss": {"goal": "min"}}})";
  const Table table = Table::parse(description,
                                   "\xef\xbb\xbf"
                                   "a,loss\n1.5,2\n2.5,3\n",
                                   "t");
  EXPECT_EQ(table.space().parameter(0).name, "a");
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_NE(error_of(R"({"metrics": {"loss": {}}, "space": {"a": "float"}})", "\"a\",\"loss\"\n1.5,2\n")
                .find("in quotes"),
            std::string::npos);
}

TEST(Table, EveryRowIsFoundByItsConfig) {
  const auto made = test::made_grid();
  const Table table = Table::parse(made.description, made.rows, "t");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    EXPECT_EQ(table.find(table.config(row)), row);
    EXPECT_EQ(table.nearest(table.config(row)), row);
  }
  const Config config({{"activation", text("relu")}, {"dropout", 0.3}, {"width", std::int64_t{64}}});
  const auto row = table.find(config);
  ASSERT_TRUE(row);
  EXPECT_NEAR(table.mean(*row, 0), 0.49, 1e-12);
  EXPECT_NEAR(table.value(*row, 0, 1), 0.50, 1e-12);
  EXPECT_DOUBLE_EQ(table.mean(*row, 1), 4.5);
  // The order of entries does not matter; a value between the recorded ones is not found.
  EXPECT_EQ(table.find(Config({{"width", std::int64_t{64}}, {"dropout", 0.3}, {"activation", text("relu")}})),
            row);
  EXPECT_FALSE(
      table.find(Config({{"activation", text("relu")}, {"dropout", 0.2}, {"width", std::int64_t{64}}})));
  EXPECT_THROW(table.find(Config({{"activation", text("relu")}, {"dropout", 0.3}})), Error);
  EXPECT_THROW(
      table.find(Config({{"activation", text("gelu")}, {"dropout", 0.3}, {"width", std::int64_t{64}}})),
      Error);
}

TEST(Table, MissingSeedsAreLeftOutOfTheMean) {
  const auto made = test::made_grid();
  const Table table = Table::parse(made.description,
                                   replaced(made.rows, "tanh,0.0,64,0.49,0.51", "tanh,0.0,64,nan,0.51"), "t");
  const auto row =
      table.find(Config({{"activation", text("tanh")}, {"dropout", 0.0}, {"width", std::int64_t{64}}}));
  EXPECT_DOUBLE_EQ(table.mean(*row, 0), 0.51);
}

TEST(Table, RealColumnsGetTheScaleOfTheirValues) {
  const auto made = test::made_curves();
  const Table table = Table::parse(made.description, made.rows, "t");
  EXPECT_FALSE(table.complete());
  EXPECT_EQ(table.axes()[0].scale, TableScale::log);
  EXPECT_EQ(table.axes()[1].scale, TableScale::log_complement);
  EXPECT_EQ(table.space().parameter(1).name, "one_minus_beta");
  EXPECT_TRUE(table.space().parameter(0).log);
  for (std::size_t row = 0; row < table.rows(); ++row) EXPECT_EQ(table.nearest(table.config(row)), row);
}

TEST(Table, NearestIsTheNearestOfAll) {
  const auto made = test::made_curves();
  const Table table = Table::parse(made.description, made.rows, "t");
  const auto place = [&](const Config& config, std::size_t i) {
    const auto& axis = table.axes()[i];
    return std::log(config.real(axis.name) / axis.low) / std::log(axis.high / axis.low);
  };
  for (std::uint64_t i = 0; i < 100; ++i) {
    Rng rng(1, "test", i);
    const Config config = table.space().sample(rng);
    double least = 1e9;
    for (std::size_t row = 0; row < table.rows(); ++row)
      least = std::min(least, std::hypot(place(config, 0) - place(table.config(row), 0),
                                         place(config, 1) - place(table.config(row), 1)));
    const Config found = table.config(table.nearest(config));
    EXPECT_NEAR(std::hypot(place(config, 0) - place(found, 0), place(config, 1) - place(found, 1)), least,
                1e-5);
  }
}

TEST(Table, IncompleteGridGivesTheNearestRow) {
  const auto made = test::made_grid();
  const std::string rows = replaced(made.rows, "relu,0.3,64,0.48,0.5,4,5\n", "");
  const Table table = Table::parse(replaced(made.description, "24", "23"), rows, "t");
  EXPECT_FALSE(table.complete());
  const Config config({{"activation", text("relu")}, {"dropout", 0.3}, {"width", std::int64_t{64}}});
  EXPECT_FALSE(table.find(config));
  const Config near = table.config(table.nearest(config));
  EXPECT_EQ(near.text("activation"), "relu");
  EXPECT_EQ(near.real("dropout"), 0.3);
}

TEST(Table, DescriptionWithoutSpaceAndMetrics) {
  const std::string description = R"({"columns": ["layers", "width", "latency_ms", "std"]})";
  std::string rows = "layers,width,latency_ms,std\n";
  for (int i = 0; i < 20; ++i) rows += fmt::format("{},{},{},0.1\n", 1 + i % 4, 100.5 + i, i);
  EXPECT_THROW(Table::parse(description, rows, "t"), Error);
  const Table table = Table::parse(description, rows, "t", {"latency_ms"});
  EXPECT_EQ(table.space().size(), 2u);
  EXPECT_EQ(table.space().parameter(0).kind, space::ParameterKind::ordinal);  // few distinct numbers
  EXPECT_EQ(table.space().parameter(1).kind, space::ParameterKind::real);
  for (std::size_t row = 0; row < table.rows(); ++row) EXPECT_EQ(table.nearest(table.config(row)), row);
}

TEST(Table, SaysWhereItIsWrong) {
  const auto made = test::made_grid();
  const auto rows = [&](const std::string& from, const std::string& to) {
    return error_of(made.description, replaced(made.rows, from, to));
  };
  const auto description = [&](const std::string& from, const std::string& to) {
    return error_of(replaced(made.description, from, to), made.rows);
  };
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {rows("tanh,0.3,16,", "gelu,0.3,16,"), {"t.csv:6: activation", "'gelu'"}},
      {rows("tanh,0.3,16,", "tanh,0.31,16,"), {"t.csv:6: dropout", "'0.31'"}},
      {rows("tanh,0.3,16,0.78,", "tanh,0.3,16,x7,"), {"t.csv:6: column 4", "'x7'"}},
      {rows("tanh,0.3,16,0.78,", "tanh,0.3,16,0.78,0.1,"), {"t.csv:6", "8 cells", "7"}},
      {rows("tanh,0.3,16,", "\ntanh,0.3,16,"), {"t.csv:6", "empty line"}},
      {rows("tanh,0.3,16,", "tanh,0.0,16,"), {"t.csv:6", "line 2"}},
      {rows("loss_1", "loss_2"), {"t.csv:1", "loss_1"}},
      {rows("loss_1", "loss_0"), {"t.csv:1", "loss_0", "twice"}},
      {error_of(made.description, made.rows.substr(0, made.rows.size() / 2)), {"t.csv"}},
      {error_of(made.description, ""), {"t.csv", "empty"}},
      {description("24", "25"), {"24 rows", "25"}},
      {description("[64, 16", "[64, 64"), {"t.json", "space.width", "twice"}},
      {description("[64, 16", "[\"a\", 16"), {"t.json", "space.width"}},
      {description("\"min\"", "\"low\""), {"t.json", "metrics.loss.goal", "'low'"}},
      {description("\"seeds\": 2", "\"seeds\": 0"), {"t.json", "metrics.loss.seeds"}},
      {description("\"seeds\": 2", "\"seeds\": 99999999999"), {"t.json"}},
      {description("\"metrics\"", "\"metrix\""), {"t.json", "metrics"}},
      {description("{\"title\"", "\"title\""), {"t.json", "JSON"}},
  };
  for (const auto& [said, expected] : cases)
    for (const std::string& part : expected) EXPECT_NE(said.find(part), std::string::npos) << said;
}

TEST(Table, ColumnsOfAnyNameAreParameters) {
  const std::vector<std::pair<std::string, std::string>> names{{"gr\u00f6\u00dfe", "c1"},
                                                               {"lr (log)", "lr__log_"},
                                                               {"x-y", "x_y_3"},
                                                               {"x_y", "x_y"},
                                                               {"x y", "x_y_4"},
                                                               {"1x1_conv", "p_1x1_conv"},
                                                               {"and", "p_and"},
                                                               {"--", "c8"},
                                                               {"a.b", "a.b"},
                                                               {"a.-b", "a__b"},
                                                               {"x_y_2", "x_y_2"},
                                                               {"\u5b66\u4e60", "c12"}};
  std::string space, header, rows;
  for (const auto& [column, name] : names) {
    space += fmt::format("{}\"{}\": [1, 2]", space.empty() ? "" : ", ", column);
    header += column + ",";
  }
  const std::string description =
      fmt::format(R"({{"space": {{{}}}, "metrics": {{"loss": {{}}, "p_and": {{}}}}}})", space);
  for (unsigned code = 0; code < 1u << names.size(); ++code) {
    for (std::size_t i = 0; i < names.size(); ++i) rows += (code >> i & 1u) != 0 ? "2," : "1,";
    rows += fmt::format("{},0\n", code);
  }
  const Table table = Table::parse(description, header + "loss,p_and\n" + rows, "t");
  for (std::size_t i = 0; i < names.size(); ++i)
    // A measure is called p_and already.
    EXPECT_EQ(table.space().parameter(i).name, i == 6 ? "p_and_2" : names[i].second) << names[i].first;
  EXPECT_TRUE(table.complete());
  for (std::size_t row = 0; row < table.rows(); row += 97) {
    EXPECT_EQ(table.find(table.config(row)), row);
    EXPECT_EQ(table.find(table, row), row);
  }
  EXPECT_EQ(table.renamed(), "'gr\u00f6\u00dfe' is c1, 'lr (log)' is lr__log_, 'x-y' is x_y_3 and 6 more");
  // Mistakes name the column.
  const auto wrong = [&](const std::string& row) {
    return error_of(R"({"space": {"x-y": [1, 2], "z z": "float"}, "metrics": {"loss": {}}})",
                    "x-y,z z,loss\n1,0,0\n" + row + "\n");
  };
  EXPECT_NE(wrong("3,1,0").find("t.csv:3: x-y: '3' is none"), std::string::npos) << wrong("3,1,0");
  EXPECT_NE(wrong("2,x,0").find("t.csv:3: z z: 'x' is no finite"), std::string::npos) << wrong("2,x,0");
  EXPECT_NE(error_of(R"({"metrics": {"loss": {}}})", ",a,loss\n0,1,2\n").find("has no name"),
            std::string::npos);
}

TEST(Table, ANameMadeOfAnotherScaleIsNoOthers) {
  auto made = test::made_curves();
  EXPECT_EQ(Table::parse(made.description, made.rows, "t").renamed(), "");
  made.description = replaced(made.description, "beta", "be-ta");
  made.rows = replaced(made.rows, "beta", "be-ta");
  EXPECT_EQ(Table::parse(made.description, made.rows, "t").space().parameter(1).name, "one_minus_be_ta");
  made.description = replaced(made.description, "\"lr\"", "\"one_minus_be_ta\"");
  made.rows = replaced(made.rows, "lr", "one_minus_be_ta");
  const Table table = Table::parse(made.description, made.rows, "t");
  EXPECT_EQ(table.space().parameter(0).name, "one_minus_be_ta");
  EXPECT_EQ(table.space().parameter(1).name, "one_minus_be_ta_2");
  for (std::size_t row = 0; row < table.rows(); ++row) EXPECT_EQ(table.nearest(table.config(row)), row);
}

TEST(Table, LargeWholeNumbersAreReadRightOrRefused) {
  const auto parse = [](const std::string& values, const std::vector<std::string>& cells) {
    std::string rows = "n,loss\n";
    for (const std::string& cell : cells) rows += cell + ",1\n";
    return Table::parse(fmt::format(R"({{"space": {{"n": [{}]}}, "metrics": {{"loss": {{}}}}}})", values),
                        rows, "t");
  };
  const auto says = [&](const std::string& values, const std::vector<std::string>& cells) -> std::string {
    try {
      parse(values, cells);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string one = "1152921504606846976", next = "1152921504606846977", far = "1152921504606847232";
  EXPECT_NE(says(next + ", 5, " + one, {"5"})
                .find("t.json: space.n: 1152921504606846976 and 1152921504606846977 cannot be told apart"),
            std::string::npos)
      << says(next + ", 5, " + one, {"5"});
  EXPECT_NE(says(one + ", 5, " + one, {"5"}).find("a value twice"), std::string::npos);
  const Table apart = parse(one + ", " + far, {far, "+" + one});
  EXPECT_EQ(apart.config(0).integer("n"), 1152921504606847232);
  EXPECT_EQ(apart.config(1).integer("n"), 1152921504606846976);
  EXPECT_NE(says(one + ", " + far, {next}).find("'" + next + "' is none of the values"), std::string::npos);
  const Table texts = parse(fmt::format(R"("{}", "{}")", one, next), {one, next});
  EXPECT_EQ(texts.config(1).text("n"), next);
  const Table huge = parse("18446744073709551615, 1", {"1", "18446744073709551615"});
  EXPECT_EQ(huge.config(1).real("n"), 18446744073709551615.0);
  // Those that are not listed are rounded.
  EXPECT_NE(error_of(R"({"space": {"n": "int"}, "metrics": {"loss": {}}})",
                     "n,loss\n" + one + ",1\n" + next + ",2\n")
                .find("whole numbers are told apart up to 2^53 only"),
            std::string::npos);
}

TEST(Table, BlanksAroundNumbersAreNoPartOfThem) {
  const char* description = R"({"space": {"a": [1, 2], "b": "float"}, "metrics": {"loss": {}}})";
  const Table table = Table::parse(description, "a,b,loss\n 1, 0.5 ,\t8.07 \n2 ,+0.25,  \n", "t");
  EXPECT_EQ(table.config(0).integer("a"), 1);
  EXPECT_EQ(table.config(0).real("b"), 0.5);
  EXPECT_EQ(table.value(0, 0, 0), 8.07);
  EXPECT_EQ(table.config(1).real("b"), 0.25);
  EXPECT_TRUE(std::isnan(table.value(1, 0, 0))) << "an empty cell";
  for (const char* rows : {"a,b,loss\n1,0.5,8 07\n", "a,b,loss\n1,,8\n", "a,b,loss\n1, ,8\n"})
    EXPECT_NE(error_of(description, rows).find("number"), std::string::npos) << rows;
}

TEST(Table, ReadsCompressedFilesAndNoticesDamage) {
  const auto made = test::made_grid();
  const test::Folder folder;
  folder.write("t.json", made.description);
  const auto compress = [&](const std::string& rows) {
    const gzFile file = gzopen(folder.file("t.csv.gz").c_str(), "wb");
    gzwrite(file, rows.data(), static_cast<unsigned>(rows.size()));
    gzclose(file);
  };
  compress(made.rows);
  for (const char* name : {"t", "t.csv.gz", "t.json"})
    EXPECT_EQ(Table::read(folder.file(name)).rows(), 24u) << name;
  const std::string whole = folder.read("t.csv.gz");
  folder.write("t.csv.gz", whole.substr(0, whole.size() / 2));
  EXPECT_THROW(Table::read(folder.file("t")), Error);
  std::string damaged = whole;
  for (std::size_t i = damaged.size() / 2; i < damaged.size(); ++i) damaged[i] ^= 0x55;
  folder.write("t.csv.gz", damaged);
  EXPECT_THROW(Table::read(folder.file("t")), Error);
  EXPECT_THROW(Table::read(folder.file("other")), Error);
  // Lines longer than a piece, and Windows' line ends.
  std::string rows;
  for (const char c : made.rows) rows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  compress(rows);
  EXPECT_EQ(Table::read(folder.file("t")).rows(), 24u);
}

TEST(Table, SpaceOfTheUserIsChecked) {
  const auto made = test::made_grid();
  const Table table = Table::parse(made.description, made.rows, "t");
  const auto builder = [] {
    return space::Space::Builder().choice("activation", {text("relu")}).ordinal("dropout", {0.0, 0.6});
  };
  EXPECT_NO_THROW(table.check(builder().ordinal("width", {std::int64_t{16}, std::int64_t{64}}).build()));
  EXPECT_NO_THROW(table.check(builder().integer("width", 16, 128).build()));
  EXPECT_THROW(table.check(builder().build()), Error);
  EXPECT_THROW(table.check(builder().integer("width", 16, 256).build()), Error);
  EXPECT_THROW(table.check(builder().ordinal("width", {std::int64_t{17}, std::int64_t{64}}).build()), Error);
  EXPECT_THROW(table.check(builder().integer("width", 16, 128).flag("tied").build()), Error);
  EXPECT_THROW(table.check(builder().flag("width").build()), Error);
}

TEST(Table, DamagedTextsGiveErrorsOrTables) {
  const auto grid = test::made_grid(), curves = test::made_curves(6);
  test::Mutator rows({grid.rows, curves.rows}, 1), descriptions({grid.description, curves.description}, 2);
  int tables = 0;
  for (std::int64_t i = test::fuzz_inputs(1500); i > 0; --i) {
    const auto& made = rows.below(2) == 0 ? grid : curves;
    const bool which = rows.below(2) == 0;
    try {
      const Table table =
          Table::parse(which ? made.description : descriptions.next(), which ? rows.next() : made.rows, "t");
      ++tables;
      for (std::size_t row = 0; row < std::min<std::size_t>(table.rows(), 3); ++row) {
        EXPECT_LT(table.nearest(table.config(row)), table.rows());
        table.mean(row, 0);
      }
    } catch (const Error& error) {
      EXPECT_NE(error.fault(), Fault::internal) << error.what();
    }
  }
  EXPECT_GT(tables, 0);
}

TEST(Table, SharedTables) {
  const char* folder = std::getenv("HONE_DATA");
  if (folder == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  const Table table = Table::read(std::string(folder) + "/tables/fcnet_naval_propulsion");
  EXPECT_EQ(table.rows(), 62208u);
  EXPECT_TRUE(table.complete());
}

}  // namespace
}  // namespace hone::task
