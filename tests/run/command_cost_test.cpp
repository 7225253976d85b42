// What trials of programs cost, over a whole study: by their results, and by what was spent.
#include "../program.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

/// A study by asha with two rungs; its trials' results by trial and fidelity.
class CommandCost : public testing::Test {
 protected:
  void search(const std::string& script, const std::string& budget = "trials = 4\n") {
    folder_.write("run.sh", script);
    const std::string text =
        "[study]\nminimize = [\"loss\", \"seconds\"]\n"
        "[task]\nkind = \"command\"\nrun = [\"sh\", \"run.sh\"]\n"
        "[space]\nx = { real = [0.0, 1.0] }\n"
        "[search]\nsearcher = \"random\"\nscheduler = { kind = \"asha\", steps = [1, 10], eta = 2 }\n"
        "[budget]\n" +
        budget;
    folder_.write("s.toml", text);
    const StudyFile file = StudyFile::read(folder_.file("s.toml"));
    std::filesystem::create_directories(file.home());
    const auto store = study::open_store(file.default_store());
    study::Study::create(*store, file.header());
    const auto make = methods().maker<task::MakeEvaluator>("evaluator", file.task_kind);
    const auto evaluator = make(file.task, file.task_options, file.folder);
    EXPECT_EQ(work(file, store, *evaluator, WorkerOptions{}), WorkEnd::finished);
    study_ = std::make_unique<study::Study>(store);
    study_->sync();
    for (const study::Trial& trial : study_->trials()) {
      went_on_ += trial.results.size() > 1 ? 1 : 0;
      for (const study::Result& result : trial.results) {
        const double seconds = result.measures.find("seconds").value();
        all_ += seconds;
        if (&result == trial.last()) last_ += seconds;
      }
    }
  }

  test::Folder folder_;
  std::unique_ptr<study::Study> study_;
  int went_on_ = 0;
  double all_ = 0.0;   // of every result
  double last_ = 0.0;  // of every trial's last
};

TEST_F(CommandCost, ProgramsThatGoOnCostTheSum) {
  search(R"([ $HONE_FROM = 0 ] && sleep 0.2
echo 1 > $HONE_CHECKPOINT/at; echo "{\"loss\": $HONE_PARAM_X}" >&3)");
  for (const study::Trial& trial : study_->trials())
    EXPECT_GE(trial.last()->measures.find("seconds").value(), 0.2) << "trial " << trial.id;
  EXPECT_GT(went_on_, 0);
  EXPECT_NEAR(study_->spending().total("seconds"), last_, 1e-9);
}

TEST_F(CommandCost, ProgramsThatBeginAnewSpendBothAndCostTheLast) {
  search(R"([ $HONE_FIDELITY = 1 ] || sleep 0.2
echo "{\"loss\": $HONE_PARAM_X}" >&3)");
  EXPECT_GT(went_on_, 0);
  EXPECT_NEAR(study_->spending().total("seconds"), all_, 1e-9);
}

TEST_F(CommandCost, AFailureThatSaysThatItCostLessThanNothingIsOneAllTheSame) {
  search("echo '{\"dollars\": -5}' >&3; exit 3", "trials = 4\nspend = { dollars = 10 }\n");
  ASSERT_EQ(study_->size(), 4);
  for (const study::Trial& trial : study_->trials()) EXPECT_EQ(trial.cause, "exit") << trial.reason;
  EXPECT_EQ(study_->spending().total("dollars"), 0.0);
}

}  // namespace
}  // namespace hone::run
