#include "hone/task/recorded.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/identity/signature.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"
#include "hone/task/task.h"
#include "made_table.h"

namespace hone::task {
namespace {

std::shared_ptr<const Table> table_of(const test::MadeTable& made) {
  return std::make_shared<const Table>(Table::parse(made.description, made.rows, "t"));
}

Recorded recorded_of(const test::MadeTable& made, const RecordedUse& use = {}) {
  return Recorded("t", {table_of(made)}, use);
}

class Judge final : public Reporter {
 public:
  explicit Judge(std::int64_t stop_at) : stop_at_(stop_at) {}
  Verdict report(std::int64_t fidelity, const study::Measures&) override {
    reports.push_back(fidelity);
    return fidelity == stop_at_ ? Verdict::stop : Verdict::go_on;
  }
  bool interrupted() override { return false; }
  std::vector<std::int64_t> reports;

 private:
  std::int64_t stop_at_;
};

TEST(Recorded, KnowsItsOptimumAndMedian) {
  const Recorded recorded = recorded_of(test::made_grid());
  EXPECT_EQ(recorded.horizon(), 1);
  EXPECT_NEAR(*recorded.optimum(), 0.4, 1e-12);
  std::vector<double> all;
  for (std::size_t row = 0; row < 24; ++row) all.push_back(*recorded.at_row(row, 1).measures.find("loss"));
  std::sort(all.begin(), all.end());
  EXPECT_DOUBLE_EQ(*recorded.median(), all[12]);
}

TEST(Recorded, MeanOrOneSeed) {
  const Recorded mean = recorded_of(test::made_grid());
  const Recorded each = recorded_of(test::made_grid(), {.each_seed = true});
  std::set<double> seen;
  for (std::size_t row = 0; row < 24; ++row) {
    const auto config = mean.table().config(row);
    const auto one = mean.evaluate(config, 1, 1);
    EXPECT_EQ(one.cost_s, *one.measures.find("runtime_s"));
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      EXPECT_EQ(mean.evaluate(config, seed, 1).measures, one.measures);
      const auto drawn = each.evaluate(config, seed, 1);
      const double off = *drawn.measures.find("loss") - *one.measures.find("loss");
      EXPECT_NEAR(std::abs(off), 0.01, 1e-9);
      // Loss and run time are of the same seed.
      EXPECT_EQ(drawn.cost_s - one.cost_s, off > 0 ? 0.5 : -0.5);
      EXPECT_EQ(each.evaluate(config, seed, 1).measures, drawn.measures);
      seen.insert(std::round(off * 100));
    }
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST(Recorded, CurvesAreFidelitiesAndDivergenceIsFailure) {
  const Recorded recorded = recorded_of(test::made_curves());
  EXPECT_EQ(recorded.horizon(), 9);
  const auto good = recorded.table().config(20), bad = recorded.table().config(49);
  EXPECT_EQ(recorded.evaluate(good, 0, 3).cost_s, 3.0);
  EXPECT_GT(*recorded.evaluate(good, 0, 1).measures.find("loss"),
            *recorded.evaluate(good, 0, 9).measures.find("loss"));
  EXPECT_EQ(recorded.evaluate(good, 0, 9).measures.find("row"), 20.0);
  EXPECT_EQ(recorded.evaluate(bad, 0, 3).failure, "");
  const auto diverged = recorded.evaluate(bad, 0, 9);
  EXPECT_EQ(diverged.failure, "diverged: loss is nan at step 4");
  EXPECT_EQ(diverged.cost_s, 4.0);
  EXPECT_TRUE(std::isfinite(*recorded.optimum()));
  EXPECT_THROW(recorded.evaluate(good, 0, 10), Error);
  const auto row = recorded.row_of(good);
  EXPECT_EQ(row, 20u);
  EXPECT_EQ(recorded.at_row(row, 0, 3).measures, recorded.evaluate(good, 0, 3).measures);
  EXPECT_THROW(recorded.at_row(row, 0, 10), Error);
}

TEST(Recorded, TablesBesideEachOther) {
  const auto made = test::made_grid();
  test::MadeTable device;
  device.description = R"({"space": {"width": [16, 32, 64, 128], "dropout": [0.0, 0.3, 0.6],
 "activation": ["tanh", "relu"]}, "metrics": {"phone": {"goal": "min", "unit": "ms"}}})";
  device.rows = "width,dropout,activation,phone\n";
  for (const int width : {16, 32, 64, 128})
    for (const char* dropout : {"0.0", "0.30", "0.6"})
      for (const char* activation : {"tanh", "relu"})
        device.rows += fmt::format("{},{},{},{}\n", width, dropout, activation, width / 10.0);
  const Recorded both("t", {table_of(made), table_of(device)}, {.objectives = {"loss", "phone"}});
  ASSERT_EQ(both.objectives().size(), 2u);
  for (std::size_t row = 0; row < 24; ++row) {
    const auto config = both.table().config(row);
    EXPECT_EQ(both.evaluate(config, 0, 1).measures.find("phone"),
              static_cast<double>(config.integer("width")) / 10.0);
  }
  EXPECT_FALSE(both.front().empty());
  device.rows.resize(device.rows.size() - 20);
  device.rows.resize(device.rows.rfind('\n') + 1);
  try {
    Recorded("t", {table_of(made), table_of(device)}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_TRUE(error.message().starts_with("the table beside it lacks a configuration that 'made' has"))
        << error.message();
  }
}

/// Forty rows of two numbers with all their digits, of which the first two round to one config.
test::MadeTable made_digits(bool turned) {
  test::MadeTable made;
  made.description = fmt::format(R"({{"space": {{"x": "float", "lr": "float"}},
 "metrics": {{"{}": {{"goal": "min"}}}}}})",
                                 turned ? "phone" : "loss");
  made.rows = turned ? "x,lr,phone\n" : "x,lr,loss\n";
  for (int k = 0; k < 40; ++k) {
    const int i = turned ? 39 - k : k;
    const double x = i < 2 ? 0.5 + 1e-9 * i : std::fmod(i * 0.6180339887498949, 1.0);
    const double lr = std::pow(10.0, -4.0 + 3.0 * (i < 2 ? 20.5 : i) / 40.0);
    made.rows += fmt::format("{},{},{}\n", x, lr, i);
  }
  return made;
}

TEST(Recorded, NumbersAreJoinedAndFoundWithAllTheirDigits) {
  const auto loss = table_of(made_digits(false)), phone = table_of(made_digits(true));
  ASSERT_FALSE(loss->complete());
  ASSERT_EQ(loss->config(0), loss->config(1));
  const Recorded both("t", {loss, phone}, {});
  for (std::size_t row = 0; row < 40; ++row) {
    const auto measures = both.at_row(row, 1).measures;
    EXPECT_EQ(measures.find("loss"), measures.find("phone")) << row;
    EXPECT_EQ(loss->find(loss->config(row)), row == 1 ? 0 : row) << "the first of those that round alike";
    EXPECT_EQ(phone->find(*loss, row), 39 - row);
  }
  EXPECT_FALSE(loss->find(space::Config({{"x", 0.123}, {"lr", 0.001}})));
  EXPECT_FALSE(loss->find(space::Config({{"x", 2.0}, {"lr", 0.001}})));
  // Only what was recorded is measured, and all of that is.
  const Recorded strict("t", {loss}, {.nearest = false});
  EXPECT_EQ(strict.evaluate(loss->config(7), 1, 1).measures.find("loss"), 7.0);
  EXPECT_NE(strict.evaluate(space::Config({{"x", 0.123}, {"lr", 0.001}}), 1, 1).failure, "");
}

TEST(RecordedTask, ItsCostIsTheSearchersUnlessTheFileNamesAnother) {
  const test::Folder folder;
  const auto grid = test::made_grid(), curves = test::made_curves();
  folder.write("t.json", grid.description);
  folder.write("t.csv", grid.rows);
  folder.write("c.json", curves.description);
  folder.write("c.csv", curves.rows);
  const auto cost = [&](const std::string& task, const std::string& search = "") {
    return run::StudyFile::parse("[study]\nminimize = [\"loss\"]\n[task]\nkind = \"recorded\"\n" + task +
                                     "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n" + search,
                                 folder.file("s.toml"))
        .cost;
  };
  EXPECT_EQ(cost("table = \"t\"\n"), "runtime_s");
  EXPECT_EQ(cost("table = \"t\"\ncost = \"loss\"\n"), "loss");
  EXPECT_EQ(cost("table = \"t\"\n", "cost = \"loss\"\n"), "loss");
  EXPECT_EQ(cost("table = \"c\"\n"), "") << "no column says it";
}

TEST(RecordedTask, MistakesNameTheirOptionAndTable) {
  const test::Folder folder;
  const auto grid = test::made_grid(), curves = test::made_curves();
  folder.write("t.json", grid.description);
  folder.write("t.csv", grid.rows);
  folder.write("c.json", curves.description);
  folder.write("c.csv", curves.rows);
  folder.write("part.json", R"({"space": {"activation": ["tanh", "relu"], "dropout": [0.0, 0.3, 0.6],
 "width": [64, 16, 32, 128]}, "metrics": {"phone": {}}})");
  folder.write("part.csv", "activation,dropout,width,phone\ntanh,0.0,16,1\n");
  const auto says = [&](const std::string& task) -> std::string {
    try {
      run::StudyFile::parse("[study]\nminimize = [\"loss\"]\n[task]\nkind = \"recorded\"\n" + task,
                            folder.file("s.toml"));
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' in: " << text;
  };
  const std::string beside = says("table = \"t\"\nbeside = [\"part\"]\n");
  has(beside, "s.toml:6: task.beside: '");
  has(beside, "part' lacks a configuration that 'made' has");
  has(says("table = \"t\"\nbeside = [\"t\"]\n"), "task.beside: two tables beside each other measure 'loss'");
  has(says("table = \"t\"\ncost = \"runtime\"\n"), "task.cost: the table does not measure 'runtime'");
  has(says("table = \"t\"\ncell = \"nasbench201\"\n"), "task.cell: ");
  const std::string steps = says("table = \"c\"\n");
  has(steps, "steps = 9 } for 9 steps a trial");
  has(steps, "steps = [1, 9]");
}

TEST(RecordedTask, StudyFileNeedsNoSpace) {
  const test::Folder folder;
  const auto made = test::made_curves();
  folder.write("t.json", made.description);
  folder.write("t.csv", made.rows);
  const auto study = [](const std::string& steps, const std::string& more = "") {
    return "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"recorded\"\ntable = \"t\"\n" + more +
           "[search]\nscheduler = { kind = \"asha\", steps = " + steps + " }\n";
  };
  const auto file = run::StudyFile::parse(study("[1, 9]"), folder.file("s.toml"));
  EXPECT_EQ(file.space.size(), 2u);
  EXPECT_FALSE(file.task->data_identity().empty());
  EXPECT_NE(file.task->prepare().find("50 rows"), std::string::npos);
  EXPECT_THROW(run::StudyFile::parse(study("[1, 10]"), folder.file("s.toml")), Error);
  EXPECT_NO_THROW(run::StudyFile::parse(
      study("[1, 9]",
            "[space]\nlr = { real = [1e-4, 0.1], log = true }\none_minus_beta = { real = [0.001, 0.1], "
            "log = true }\n"),
      folder.file("s.toml")));
  try {
    run::StudyFile::parse(study("[1, 9]", "[space]\nlr = { real = [1e-4, 0.1] }\nbeta = { real = [0, 1] }\n"),
                          folder.file("s.toml"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("s.toml:8"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("searched as 'one_minus_beta'"), std::string::npos)
        << error.what();
  }
  const auto make = methods().maker<MakeEvaluator>("evaluator", "recorded");
  const auto evaluator = make(file.task, file.task_options, folder.path());
  Assignment assignment;
  assignment.trial.config = dynamic_cast<const Task&>(*file.task)
                                .default_space()
                                ->canonical(space::Config({{"lr", 0.003}, {"one_minus_beta", 0.01}}));
  assignment.to = 9;
  assignment.horizon = 9;
  Judge patient(0), strict(4);
  auto outcome = evaluator->run(assignment, patient);
  EXPECT_EQ(outcome.ending, Ending::reached);
  EXPECT_EQ(patient.reports.size(), 8u);
  outcome = evaluator->run(assignment, strict);
  EXPECT_EQ(outcome.ending, Ending::stopped);
  EXPECT_EQ(outcome.fidelity, 4);
  assignment.trial.config = space::Config({{"lr", 0.9}, {"one_minus_beta", 0.01}});
  outcome = evaluator->run(assignment, patient);
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.cause, "diverged");
}

TEST(Recorded, KnowsCellsByWhatTheyCompute) {
  const auto made =
      test::made_cells({"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"});
  const Recorded recorded = recorded_of(made.first);
  ASSERT_TRUE(recorded.has_cells());
  std::set<Key> functions;
  for (std::size_t row = 0; row < recorded.table().rows(); ++row) {
    const auto signature = identity::signature(recorded.probe(recorded.table().config(row)), "");
    ASSERT_TRUE(signature);
    functions.insert(signature->key);
  }
  EXPECT_EQ(functions.size(), 4540u);

  EXPECT_FALSE(recorded_of(made.first, {.cell = "none"}).has_cells());
  const Recorded grid = recorded_of(test::made_grid());
  EXPECT_FALSE(grid.has_cells());
  EXPECT_TRUE(grid.probe(grid.table().config(0)).empty());
  EXPECT_THROW(recorded_of(test::made_grid(), {.cell = "nasbench201"}), Error);
}

TEST(Recorded, PublishedAccuraciesOfOneFunctionDifferAsSeedsDo) {
  const char* folder = std::getenv("HONE_DATA");
  if (folder == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  const Recorded recorded(std::string(folder) + "/tables/nasbench201_cifar10", {});
  ASSERT_TRUE(recorded.has_cells());
  std::map<Key, std::vector<std::size_t>> functions;
  for (std::size_t row = 0; row < recorded.table().rows(); ++row)
    functions[identity::signature(recorded.probe(recorded.table().config(row)), "").value().key].push_back(
        row);
  EXPECT_EQ(functions.size(), 4540u);
  // Sums of squares around the mean, of means over seeds within a class and of seeds within a cell, both for
  // the mean over seeds; cells above 80%.
  double classes = 0.0, seeds = 0.0;
  std::size_t n_classes = 0, n_seeds = 0;
  for (const auto& [key, rows] : functions) {
    double mean = 0.0;
    for (const std::size_t row : rows)
      mean += recorded.table().mean(row, 0) / static_cast<double>(rows.size());
    if (mean < 80.0) continue;
    for (const std::size_t row : rows) {
      const double own = recorded.table().mean(row, 0);
      classes += (own - mean) * (own - mean);
      std::vector<double> values;
      for (std::int64_t k = 0; k < 3; ++k)
        if (const double value = recorded.table().value(row, 0, k); std::isfinite(value))
          values.push_back(value);
      if (values.size() < 2 || rows.size() < 2) continue;
      double squares = 0.0;
      for (const double value : values) squares += (value - own) * (value - own);
      const auto n = static_cast<double>(values.size());
      seeds += squares / (n - 1.0) / n;
      ++n_seeds;
    }
    n_classes += rows.size() - 1;
  }
  const double within = std::sqrt(classes / static_cast<double>(n_classes));
  const double noise = std::sqrt(seeds / static_cast<double>(n_seeds));
  EXPECT_NEAR(within, 0.237, 0.002);
  EXPECT_NEAR(noise, 0.215, 0.002);
}

TEST(RecordedTask, CellsOfOneFunctionAreEvaluatedOnce) {
  const test::Folder folder;
  const auto [quality, latency] = test::made_cells({"skip_connect", "nor_conv_3x3"});
  folder.write("q.json", quality.description);
  folder.write("q.csv", quality.rows);
  folder.write("l.json", latency.description);
  folder.write("l.csv", latency.rows);
  folder.write("s.toml", R"([study]
maximize = ["acc"]
minimize = ["phone"]
[task]
kind = "recorded"
table = "q"
beside = ["l"]
[search]
searcher = "random"
scheduler = { kind = "fixed", steps = 1 }
identity = "reuse"
[budget]
trials = 64
)");
  test::Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  ASSERT_EQ(study.size(), 64);
  const auto file = run::StudyFile::read(folder.file("s.toml"));
  std::int64_t reused = 0;
  for (const auto& trial : study.trials()) {
    ASSERT_EQ(trial.state, study::TrialState::completed);
    const auto own = file.task->design_costs(trial.config);
    EXPECT_EQ(trial.at(1)->measures.find("phone"), own.find("phone")) << "latencies are a config's own";
    if (trial.same_as < 0) continue;
    ++reused;
    EXPECT_EQ(trial.keys.functional, study.trial(trial.same_as).keys.functional);
    EXPECT_EQ(trial.at(1)->measures.find("acc"), study.trial(trial.same_as).at(1)->measures.find("acc"));
  }
  // 32 structures, some of which agree since rectified maps are homogeneous: conv(x + x) = conv(x) + conv(x).
  EXPECT_EQ(reused, 64 - 26);
}

}  // namespace
}  // namespace hone::task
