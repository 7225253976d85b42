#include "hone/cost/labels.h"

#include <cmath>
#include <set>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/kernels/text.h"

namespace hone::cost {
namespace {

TEST(KernelGenerator, GivesTheSameForTheSameNumber) {
  for (std::uint64_t number : {0u, 7u, 123u}) {
    const auto one = generate_kernel(5, number), two = generate_kernel(5, number);
    EXPECT_EQ(one.text, two.text);
    EXPECT_EQ(one.schedule, two.schedule);
    EXPECT_EQ(one.group, two.group);
    EXPECT_NE(one.text, generate_kernel(6, number).text);
  }
}

TEST(KernelGenerator, EightInARowAreAGroupOfOneFamily) {
  std::set<std::string> families;
  for (std::uint64_t group = 0; group < 500; ++group) {
    const auto first = generate_kernel(1, group * 8), last = generate_kernel(1, group * 8 + 7);
    EXPECT_EQ(first.group, last.group);
    EXPECT_EQ(first.family, last.family);
    EXPECT_TRUE(first.schedule.empty());
    EXPECT_EQ(generate_kernel(1, group * 8 + 1).text, first.text);  // transformed later
    families.insert(first.family);
  }
  EXPECT_GT(families.size(), 55u);
}

TEST(KernelGenerator, KeepsToTheFamiliesAskedFor) {
  for (std::uint64_t number = 0; number < 80; number += 8)
    EXPECT_EQ(generate_kernel(1, number, {"softmax"}).family, "softmax");
  EXPECT_THROW(generate_kernel(1, 0, {"sofmax"}), Error);
}

TEST(KernelGenerator, PlacesKnownOnlyWhenItRunsStayInside) {
  // Values of any sign, mixed with any variable, are cut to a power of two that the buffer holds.
  KernelText text("f32");
  const std::string table = text.buffer({100}), keys = text.integers({8});
  text.loop(0, 8, [&](const std::string& i) {
    text.load_at(table, text.place(text.load(keys, i), i, 100, false));
  });
  EXPECT_NE(text.text().find("arith.constant 63 : i32"), std::string::npos);
  EXPECT_NE(text.text().find("arith.andi"), std::string::npos);
}

TEST(StructureText, IsTheSameForRenamedValuesOnly) {
  const std::string one = "func.func @a(%x: f32) { // a comment\n  %y = arith.addf %x, %x : f32\n  return\n}";
  const std::string renamed = "func.func @other(%arg0: f32) {\n %0 = arith.addf %arg0,  %arg0 : f32 return }";
  const std::string other = "func.func @a(%x: f32) {\n  %y = arith.mulf %x, %x : f32\n  return\n}";
  const std::string swapped = "func.func @a(%x: f32, %z: f32) {\n  %y = arith.addf %z, %x : f32\n  return\n}";
  const std::string straight =
      "func.func @a(%x: f32, %z: f32) {\n  %y = arith.addf %x, %z : f32\n  return\n}";
  EXPECT_EQ(structure_text(one), structure_text(renamed));
  EXPECT_NE(structure_text(one), structure_text(other));
  EXPECT_NE(structure_text(swapped), structure_text(straight));
}

Label some_label(std::uint64_t id, const std::string& family, const std::string& group) {
  Label label;
  label.id = id;
  label.family = family;
  label.group = group;
  label.text = "func.func @kernel() {\n  return\n}\n";
  label.structure = hash_key(group + family);
  label.targets = {{"run_s", 1.5e-6}, {"spills", 3}};
  label.spread = 0.01;
  return label;
}

TEST(Labels, ReadWhatWasWrittenAndLeaveATornLineOut) {
  const test::Folder folder;
  LabelProvenance from;
  from.compiler = "LLVM 19";
  from.cpu = "znver4";
  from.seed = 7;
  from.measured["bytes_per_s"] = 4e10;
  Label failed = some_label(2, "scan", "scan/1/0");
  failed.failed = "the compiler crashed";
  const std::string whole = from.json().dump() + "\n" + some_label(1, "matmul", "m/1").json().dump() + "\n" +
                            failed.json().dump() + "\n";
  folder.write("set.jsonl", whole + "{\"id\": 3, \"fam");
  const LabelSet set = read_labels(folder.file("set.jsonl"));
  EXPECT_TRUE(set.provenance.same_source(from));
  EXPECT_EQ(set.provenance.measured.at("bytes_per_s"), 4e10);
  ASSERT_EQ(set.labels.size(), 2u);
  EXPECT_EQ(set.labels[0].target("run_s"), 1.5e-6);
  EXPECT_TRUE(std::isnan(set.labels[0].target("joules")));
  EXPECT_EQ(set.labels[0].structure, some_label(1, "matmul", "m/1").structure);
  EXPECT_EQ(set.labels[1].failed, "the compiler crashed");
}

TEST(Labels, OfSeveralVisitsTheUndisturbedOrTheAgreedTimeStands) {
  const auto visit = [](double seconds, bool disturbed) {
    Label label = some_label(1, "matmul", "m/1");
    label.targets["run_s"] = seconds;
    label.disturbed = disturbed;
    return label;
  };
  const Label calm = visit(2.0, false), late = visit(3.0, true), later = visit(4.0, true),
              near = visit(3.1, true), early = visit(1.0, true);
  // The undisturbed one, whichever is shorter.
  EXPECT_EQ(joined(late, calm).target("run_s"), 2.0);
  EXPECT_EQ(joined(early, calm).target("run_s"), 2.0);
  EXPECT_EQ(joined(calm, early).target("run_s"), 2.0);
  EXPECT_FALSE(joined(late, calm).disturbed);
  // Two that agree; two that do not.
  EXPECT_EQ(joined(near, late).target("run_s"), 3.0);
  EXPECT_FALSE(joined(near, late).disturbed);
  EXPECT_EQ(joined(later, late).target("run_s"), 3.0);
  EXPECT_EQ(joined(late, later).target("run_s"), 3.0);
  EXPECT_TRUE(joined(late, later).disturbed);
  EXPECT_EQ(joined(joined(late, later), early).visits, 3);
}

TEST(Labels, AnotherVisitTakesThePlaceOfTheFirst) {
  const test::Folder folder;
  LabelProvenance from;
  from.compiler = "LLVM 19";
  Label first = some_label(1, "matmul", "m/1"), again = first, other = some_label(2, "scan", "s/1");
  first.disturbed = true;
  again.visits = 2;
  again.targets["run_s"] = 1e-6;
  folder.write("set.jsonl", from.json().dump() + "\n" + first.json().dump() + "\n" + other.json().dump() +
                                "\n" + again.json().dump() + "\n");
  const LabelSet set = read_labels(folder.file("set.jsonl"));
  ASSERT_EQ(set.labels.size(), 2u);
  EXPECT_EQ(set.labels[0].target("run_s"), 1e-6);
  EXPECT_FALSE(set.labels[0].disturbed);
  EXPECT_EQ(set.labels[0].visits, 2);
  EXPECT_EQ(set.labels[1].family, "scan");
}

TEST(Labels, SayWhatCodeTheyAreFor) {
  LabelProvenance from;
  from.compiler = "LLVM 19";
  from.cpu = "znver3";
  // By the name, where the file is an old one.
  EXPECT_EQ(from.target(), (mlir::CodeTarget{32.0, 16.0, 96.0, 12.0}));
  EXPECT_EQ(code_target_of(from.json()), from.target());
  from.cpu = "sapphirerapids";
  EXPECT_EQ(from.target(), (mlir::CodeTarget{32.0, 32.0, 72.0}));
  from.code_target = mlir::CodeTarget{32.0, 16.0, 50.0, 12.0, 26.0, 0.5};
  EXPECT_EQ(LabelProvenance::from_json(from.json()).target(), *from.code_target);
  EXPECT_EQ(code_target_of(from.json()), *from.code_target);
  EXPECT_EQ(code_target_of(Json::object()), mlir::CodeTarget{});
  for (
      const char* wrong :
      {R"({"code_target": {"vector_bytes": 0, "vector_registers": 16, "unrolled_ops": 0}})",
       R"({"code_target": {"vector_bytes": 32, "vector_registers": 1e300, "unrolled_ops": 0}})",
       R"({"code_target": {"vector_bytes": 32, "vector_registers": 16, "unrolled_ops": 0, "masked_store_cycles": 0}})",
       R"({"code_target": {"vector_bytes": 32, "vector_registers": 16, "unrolled_ops": 0, "gather_cycles": -1}})",
       R"({"code_target": {"vector_bytes": 32}})", R"({"code_target": 3})", R"({"cpu": 7})"})
    EXPECT_THROW(code_target_of(Json::parse(wrong)), Error) << wrong;
}

TEST(Labels, SayWhereAFileIsBroken) {
  const test::Folder folder;
  LabelProvenance from;
  from.compiler = "LLVM 19";
  folder.write("broken.jsonl", from.json().dump() + "\n{\"id\": 1}\n");
  folder.write("other.txt", "something else\n");
  try {
    read_labels(folder.file("broken.jsonl"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place().line, 2);
  }
  EXPECT_THROW(read_labels(folder.file("other.txt")), Error);
}

TEST(Labels, TimesThatCannotBeAreRefused) {
  const test::Folder folder;
  LabelProvenance from;
  from.compiler = "LLVM 19";
  for (const double seconds : {0.0, -1e-6, 1e308, std::nan("")}) {
    Label wrong = some_label(2, "scan", "s/2");
    wrong.targets["run_s"] = seconds;
    folder.write("wrong.jsonl", from.json().dump() + "\n" + some_label(1, "scan", "s/1").json().dump() +
                                    "\n" + wrong.json().dump() + "\n");
    try {
      read_labels(folder.file("wrong.jsonl"));
      ADD_FAILURE() << seconds;
    } catch (const Error& error) {
      EXPECT_EQ(error.place().line, 3) << seconds;
      EXPECT_NE(error.place().file.find("wrong.jsonl"), std::string::npos);
    }
  }
}

TEST(Labels, OfBrokenTextsGiveTheirOwnError) {
  const Label whole = some_label(3, "scan", "s/1");
  const std::string text = whole.json().dump();
  EXPECT_EQ(Label::from_text(text).json(), whole.json());
  std::vector<std::string> broken = {
      "",         "[]",      "7", "{}", "nul", std::string(5000, '['), "{\"id\": -1}", "{\"id\": 1e400}",
      text + "x", "\xff\xfe"};
  for (std::size_t end = 0; end < text.size(); end += 7) broken.push_back(text.substr(0, end));
  for (const std::string& one : broken) EXPECT_THROW(Label::from_text(one), Error) << one;
  // A member of another kind.
  for (const char* name : {"id", "family", "group", "text", "targets", "spread", "structure"}) {
    Json json = whole.json();
    json[name] = Json::array();
    EXPECT_THROW(Label::from_text(json.dump()), Error) << name;
  }
}

TEST(Labels, SplitsKeepGroupsWhole) {
  int counts[3] = {};
  for (int group = 0; group < 1000; ++group) {
    const Label one = some_label(0, "matmul", "g/" + std::to_string(group)),
                two = some_label(9, "matmul", one.group);
    EXPECT_EQ(split_of(one), split_of(two));
    ++counts[static_cast<int>(split_of(one))];
  }
  EXPECT_NEAR(counts[0], 800, 60);
  EXPECT_NEAR(counts[1], 100, 40);
  EXPECT_NEAR(counts[2], 100, 40);
  SplitOptions held;
  held.held_out = {"stencil"};
  EXPECT_EQ(split_of(some_label(0, "stencil", "g"), held), Split::test);
  for (int group = 0; group < 100; ++group)
    EXPECT_NE(split_of(some_label(0, "matmul", "g/" + std::to_string(group)), held), Split::test);
}

}  // namespace
}  // namespace hone::cost
