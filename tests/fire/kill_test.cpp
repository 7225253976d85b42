// kill -9 at random moments, of anybody: workers, the supervisor, a program that asks through the library.
// HONE_KILLS says how many.
#include <map>
#include <random>
#include <set>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/worker.h"
#include "random_journal.h"

namespace hone {
namespace {

using study::TrialState;
using test::Folder;
using test::Program;

constexpr double kStep_s = 0.008;

std::string study_text(const std::string& scheduler, std::int64_t trials) {
  return fmt::format(
      "[study]\nminimize = [\"value\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = \"branin\"\nstep_s "
      "= "
      "{}\n[space]\na = {{ real = [0, 1] }}\nb = {{ real = [0, 1] }}\n[search]\nsearcher = "
      "\"random\"\nscheduler = "
      "{}\n[budget]\ntrials = {}\nworkers = 2\n",
      kStep_s, scheduler, trials);
}

/// What the task gives, computed here once more.
class Reference {
 public:
  explicit Reference(const run::StudyFile& file) : horizon_(file.horizon()) {
    Options options = file.task_options;
    const auto make = methods().maker<task::MakeEvaluator>("evaluator", file.task_kind);
    evaluator_ = make(file.task, options, file.folder);
  }
  study::Measures at(const study::Trial& trial, std::int64_t fidelity) {
    struct Nobody final : task::Reporter {
      Verdict report(std::int64_t, const study::Measures&) override { return Verdict::go_on; }
      bool interrupted() override { return false; }
    } nobody;
    // From the step before: one step's time, and the value does not depend on where it went on from.
    const task::Assignment assignment{trial, fidelity - 1, fidelity, horizon_, "", "", {}, {}};
    return evaluator_->run(assignment, nobody).measures;
  }

 private:
  std::unique_ptr<task::Evaluator> evaluator_;
  std::int64_t horizon_;
};

/// A program that works on the study through the library, and writes down what the study acknowledged.
pid_t start_asker(const std::string& store_url, const std::string& study_path, const std::string& notes) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  try {
    const int file_descriptor = ::open(notes.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    const auto file = run::StudyFile::read(study_path);
    auto setup = run::setup_of(file, run::process_name("asker"));
    setup.lease_s = 1.0;
    run::Optimizer optimizer(setup, study::open_store(store_url));
    Reference reference(file);
    for (;;) {
      const auto job = optimizer.ask();
      if (!job) {
        if (optimizer.finished()) ::_exit(0);
        ::usleep(2000);
        continue;
      }
      const auto measures = reference.at(optimizer.study().trial(job->trial), job->to);
      if (!optimizer.tell(*job, measures)) continue;
      const std::string line = fmt::format("{} {} {}\n", job->trial, job->to, measures.json().dump());
      if (::write(file_descriptor, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(1);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "asker: %s\n", error.what());
    ::_exit(1);
  }
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream stream(fmt::format("/proc/{}/task/{}/children", pid, pid));
  std::vector<pid_t> pids;
  for (pid_t child = 0; stream >> child;) pids.push_back(child);
  return pids;
}

std::string value_text(const study::Measures& measures) { return measures.json().dump(); }

struct Tally {
  std::int64_t workers = 0, supervisors = 0, askers = 0;
};

void kill_everybody_now_and_then(const std::string& scheduler, std::int64_t kills, std::uint64_t seed) {
  const Folder folder;
  const std::int64_t trials = 60 + 40 * kills;
  folder.write("s.toml", study_text(scheduler, trials));
  const std::string url = "sqlite:" + folder.file("s.hone/study.sqlite");
  const std::string notes = folder.file("acknowledged");
  std::mt19937_64 random(seed);
  std::vector<std::string> seen;  // of the journal, as it was read at some time
  Tally tally;

  auto search = std::make_unique<Program>(folder, std::vector<std::string>{"search", "s.toml", "--quiet"});
  ASSERT_TRUE(test::wait_until([&] { return std::filesystem::exists(folder.file("s.hone/study.sqlite")); }));
  ASSERT_TRUE(test::wait_until([&] {
    try {
      return study::open_store(url)->head() > 4;
    } catch (const Error&) {
      return false;  // it is being made
    }
  }));
  pid_t asker = start_asker(url, folder.file("s.toml"), notes);
  const auto restart_search = [&] {
    search.reset();  // kills it where it lives
    search = std::make_unique<Program>(folder, std::vector<std::string>{"search", "s.toml", "--quiet"});
  };
  for (std::int64_t kill = 0; kill < kills;) {
    ::usleep(static_cast<useconds_t>(1000 * (5 + random() % 120)));
    switch (random() % 5) {
      case 0:
        search->signal(SIGKILL);
        ASSERT_EQ(search->status(), -SIGKILL) << "it had ended before: " << search->err();
        restart_search();
        ++tally.supervisors;
        ++kill;
        break;
      case 1:
        ::kill(asker, SIGKILL);
        ::waitpid(asker, nullptr, 0);
        asker = start_asker(url, folder.file("s.toml"), notes);
        ++tally.askers;
        ++kill;
        break;
      default: {
        const auto workers = children_of(search->pid());
        if (workers.empty()) break;
        ::kill(workers[random() % workers.size()], SIGKILL);
        ++tally.workers;
        ++kill;
      }
    }
    if (kill % 10 == 0) {
      const auto store = study::open_store(url);
      auto lines = test::journal_lines(*store);
      ASSERT_GE(lines.size(), seen.size()) << "events vanished";
      ASSERT_TRUE(std::equal(seen.begin(), seen.end(), lines.begin())) << "events changed";
      seen = std::move(lines);
    }
  }
  if (search->status() != 0) {
    // The supervisor may have ended on its workers' deaths; the same command goes on.
    std::printf("a search ended with %d: %s\n", search->status(), search->err().c_str());
    restart_search();
  }
  EXPECT_EQ(search->status(), 0) << search->err();
  int status = 0;
  ::waitpid(asker, &status, 0);
  EXPECT_EQ(status, 0) << "the asker ended with an error";

  const auto store = study::open_store(url);
  const auto lines = test::journal_lines(*store);
  ASSERT_GE(lines.size(), seen.size());
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), lines.begin()));
  study::Study study(store), light(store, study::Study::Depth::light);
  study.sync();
  light.sync();
  EXPECT_EQ(test::everything(light), test::everything(study));
  EXPECT_EQ(study.size(), trials);
  EXPECT_EQ(study.count(TrialState::running), 0);
  EXPECT_EQ(study.count(TrialState::waiting), 0);
  EXPECT_EQ(study.count(TrialState::completed) + study.count(TrialState::paused), trials);

  // Each result is in the journal once.
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> results;
  store->read(0, [&](const study::Event& event) {
    std::vector<study::Record> records;
    study::decode(event, records);
    for (const auto& record : records)
      if (const auto* r = std::get_if<study::ResultRecord>(&record)) {
        EXPECT_TRUE(
            results.emplace(std::pair(r->trial, r->result.fidelity), value_text(r->result.measures)).second)
            << "trial " << r->trial << " has two results at " << r->result.fidelity;
      }
  });
  std::ifstream acknowledged(notes);
  std::int64_t n_acknowledged = 0;
  std::set<std::string> told;
  for (std::string line; std::getline(acknowledged, line); ++n_acknowledged) {
    EXPECT_TRUE(told.insert(line).second) << "acknowledged twice: " << line;
    std::istringstream words(line);
    std::int64_t trial = 0, fidelity = 0;
    std::string value;
    words >> trial >> fidelity >> value;
    EXPECT_EQ((results[{trial, fidelity}]), value) << "lost or changed";
  }
  EXPECT_GT(n_acknowledged, 0);

  // What an undisturbed study proposes and finds: the same.
  const auto file = run::StudyFile::read(folder.file("s.toml"));
  auto setup = run::setup_of(file, "undisturbed");
  run::Optimizer undisturbed(setup);
  while (const auto job = undisturbed.ask()) undisturbed.tell(*job, {{"value", 0.0}});
  ASSERT_EQ(undisturbed.study().size(), trials);
  auto text = study_text(scheduler, trials);
  text.replace(text.find(fmt::format("step_s = {}", kStep_s)), fmt::format("step_s = {}", kStep_s).size(),
               "step_s = 0");
  Reference reference(run::StudyFile::parse(text, folder.file("s.toml")));
  for (const auto& trial : study.trials()) {
    EXPECT_EQ(trial.config, undisturbed.study().trial(trial.id).config) << trial.id;
    for (const auto& result : trial.results)
      EXPECT_EQ(value_text(result.measures), value_text(reference.at(trial, result.fidelity))) << trial.id;
    EXPECT_FALSE(trial.results.empty()) << trial.id;
  }
  std::printf(
      "%ld workers, %ld supervisors and %ld askers killed; %ld trials, %zu results, %ld of them told by "
      "askers\n",
      static_cast<long>(tally.workers), static_cast<long>(tally.supervisors), static_cast<long>(tally.askers),
      static_cast<long>(trials), results.size(), static_cast<long>(n_acknowledged));
}

std::int64_t kills() {
  const char* given = std::getenv("HONE_KILLS");
  return given != nullptr ? std::atoll(given) : 24;
}

TEST(Kill, OnSeveralRungs) {
  kill_everybody_now_and_then("{ kind = \"asha\", steps = [1, 3, 9], eta = 3 }", kills() / 2, 11);
}

TEST(Kill, OnOneRung) {
  kill_everybody_now_and_then("{ kind = \"fixed\", steps = 4 }", kills() - kills() / 2, 12);
}

}  // namespace
}  // namespace hone
