#include "hone/run/optimizer.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <type_traits>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

using study::TrialState;

Optimizer::Setup setup(const std::string& searcher = "random") {
  Optimizer::Setup s;
  s.space = space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  s.objectives = {{"loss", true}};
  s.seed = 3;
  s.searcher = searcher;
  return s;
}

// Its listeners know where it is.
static_assert(!std::is_move_constructible_v<Optimizer> && !std::is_copy_constructible_v<Optimizer>);
static_assert(!std::is_move_assignable_v<Optimizer> && !std::is_copy_assignable_v<Optimizer>);

double bowl(const space::Config& config) {
  return std::pow(config.real("x") - 0.3, 2) + std::pow(config.real("y") - 0.7, 2);
}

TEST(Optimizer, AsksAndTellsInADozenLines) {
  auto s = setup("tpe");
  s.max_trials = 40;
  Optimizer optimizer(s);
  while (const auto job = optimizer.ask()) EXPECT_TRUE(optimizer.tell(*job, {{"loss", bowl(job->config)}}));
  EXPECT_TRUE(optimizer.finished());
  EXPECT_EQ(optimizer.study().size(), 40);
  EXPECT_EQ(optimizer.study().count(TrialState::completed), 40);
  EXPECT_LT(optimizer.study().front().members().at(0).values[0], 0.02);
}

TEST(Optimizer, TheSameSeedGivesTheSameStudy) {
  for (const char* searcher : {"random", "sobol", "tpe"}) {
    auto s = setup(searcher);
    s.max_trials = 30;
    Optimizer a(s), b(s);
    while (const auto job = a.ask()) {
      const auto other = b.ask();
      ASSERT_TRUE(other);
      ASSERT_EQ(job->config, other->config) << searcher;
      a.tell(*job, {{"loss", bowl(job->config)}});
      b.tell(*other, {{"loss", bowl(other->config)}});
    }
  }
}

TEST(Optimizer, AResumedStudyGoesOnAsOneThatNeverStopped) {
  auto s = setup("tpe");
  Optimizer whole(s);
  auto store = study::open_store("memory:");
  auto part = std::make_unique<Optimizer>(s, store);
  for (int i = 0; i < 40; ++i) {
    if (i % 7 == 6) part = std::make_unique<Optimizer>(s, store);  // a new process
    const auto a = whole.ask(), b = part->ask();
    ASSERT_TRUE(a && b);
    ASSERT_EQ(a->config, b->config) << "at trial " << i;
    whole.tell(*a, {{"loss", bowl(a->config)}});
    part->tell(*b, {{"loss", bowl(b->config)}});
  }
}

TEST(Optimizer, SeveralAskersShareOneStudy) {
  auto s = setup("tpe");
  s.max_trials = 60;
  auto store = study::open_store("memory:");
  std::vector<std::unique_ptr<Optimizer>> askers;
  for (int i = 0; i < 3; ++i) {
    s.worker = "w" + std::to_string(i);
    askers.push_back(std::make_unique<Optimizer>(s, store));
  }
  std::vector<std::optional<Job>> jobs(3);
  std::set<Key> keys;
  for (int turn = 0; turn < 200; ++turn) {
    const auto i = static_cast<std::size_t>(turn % 3);
    if (jobs[i]) {
      EXPECT_TRUE(askers[i]->tell(*jobs[i], {{"loss", bowl(jobs[i]->config)}}));
      jobs[i].reset();
    } else if ((jobs[i] = askers[i]->ask())) {
      EXPECT_TRUE(keys.insert(jobs[i]->config.key()).second) << "a config was handed out twice";
    }
  }
  Optimizer last(s, store);
  EXPECT_EQ(last.study().size(), 60);
  EXPECT_FALSE(last.ask());
  EXPECT_TRUE(last.finished());
}

TEST(Optimizer, ATrialWhoseWorkerVanishedIsRunAgain) {
  auto s = setup();
  s.lease_s = 0.02;
  s.max_trials = 1;
  auto store = study::open_store("memory:");
  Optimizer dead(s, store);
  const auto lost = dead.ask();
  ASSERT_TRUE(lost);
  Optimizer alive(s, store);
  EXPECT_FALSE(alive.ask());
  EXPECT_FALSE(alive.finished()) << "a running trial may still bring its result";
  ::usleep(60000);
  const auto again = alive.ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial, lost->trial);
  EXPECT_EQ(again->attempt, lost->attempt + 1);
  // The first worker was only slow: its late result is kept, and changes nothing.
  EXPECT_FALSE(dead.tell(*lost, {{"loss", 0.0}}));
  EXPECT_TRUE(alive.tell(*again, {{"loss", 1.0}}));
  EXPECT_EQ(alive.study().trial(0).last()->measures.find("loss"), 1.0);
  int late = 0;
  store->read(0, [&](const study::Event& event) { late += event.kind == "late"; });
  EXPECT_GT(late, 0);
}

TEST(Optimizer, GivesUpOnATrialWhoseWorkersVanish) {
  auto s = setup();
  s.lease_s = 0.002;
  s.max_trials = 1;
  Optimizer optimizer(s);
  for (int death = 0; death < 20; ++death) {
    ASSERT_TRUE(optimizer.ask()) << death;
    ::usleep(5000);
  }
  EXPECT_FALSE(optimizer.ask());
  EXPECT_EQ(optimizer.study().trial(0).state, TrialState::stale);
  EXPECT_EQ(optimizer.study().trial(0).vanished, 20);
  EXPECT_TRUE(optimizer.finished());
}

TEST(Optimizer, StoppingAWorkerDoesNotSpeakAgainstItsTrial) {
  auto s = setup();
  s.max_trials = 1;
  Optimizer optimizer(s);
  const auto all = [](const study::HeldLease&) { return true; };
  for (int stop = 0; stop < 5; ++stop) {
    ASSERT_TRUE(optimizer.ask()) << stop;
    give_back(optimizer.study(), Blame::nobody, all);
    EXPECT_EQ(optimizer.study().trial(0).state, TrialState::waiting) << stop;
  }
  EXPECT_EQ(optimizer.study().trial(0).lost, 0);
  for (int death = 0; death < 2; ++death) {
    ASSERT_TRUE(optimizer.ask()) << death;
    give_back(optimizer.study(), Blame::trial, all, "was killed by signal 11");
  }
  EXPECT_EQ(optimizer.study().trial(0).state, TrialState::failed) << "two deaths are enough";
  EXPECT_EQ(optimizer.study().trial(0).cause, "crash");
  EXPECT_NE(optimizer.study().trial(0).reason.find("signal 11"), std::string::npos);
}

TEST(Optimizer, AnInterruptedAskerIsNotFinished) {
  auto s = setup();
  bool stop = false;
  s.interrupted = [&] { return stop; };
  Optimizer optimizer(s);
  optimizer.tell(*optimizer.ask(), {{"loss", 1.0}});
  stop = true;
  EXPECT_FALSE(optimizer.ask());
  EXPECT_FALSE(optimizer.finished());
  stop = false;
  EXPECT_TRUE(optimizer.ask()) << "it goes on";
}

TEST(Optimizer, KeepsFailedInfeasibleAndNanApart) {
  auto s = setup();
  Optimizer optimizer(s);
  optimizer.tell(*optimizer.ask(), {{"loss", std::numeric_limits<double>::quiet_NaN()}});
  optimizer.end(*optimizer.ask(), TrialState::infeasible, "too slow");
  optimizer.end(*optimizer.ask(), TrialState::failed, "crashed");
  optimizer.tell(*optimizer.ask(), {{"loss", 1.0}});
  const auto& trials = optimizer.study().trials();
  EXPECT_EQ(trials[0].state, TrialState::failed);
  EXPECT_EQ(trials[0].reason, "loss is nan");
  EXPECT_EQ(trials[1].state, TrialState::infeasible);
  EXPECT_EQ(trials[2].reason, "crashed");
  EXPECT_EQ(optimizer.study().front().members().size(), 1u);
  EXPECT_THROW(optimizer.tell(*optimizer.ask(), {{"gain", 1.0}}), Error);
}

TEST(Optimizer, ProposesNoConfigTwiceAndSeesTheEnd) {
  auto s = setup();
  s.space =
      space::Space::Builder().choice("a", {Value(std::int64_t{1}), Value(std::int64_t{2})}).flag("b").build();
  for (const char* searcher : {"random", "sobol", "tpe"}) {
    s.searcher = searcher;
    Optimizer optimizer(s);
    while (const auto job = optimizer.ask())
      optimizer.tell(*job, {{"loss", value_real(job->config.at("a"))}});
    EXPECT_TRUE(optimizer.finished());
    EXPECT_EQ(optimizer.study().size(), 4) << searcher;
  }
}

TEST(Optimizer, FindsTheLastConfigsOfAFiniteSpace) {
  auto s = setup();
  s.space = space::Space::Builder()
                .integer("a", 1, 1000, {.log = true})
                .flag("b")
                .where("a % 10 == 3 or a == 1000")
                .build();
  for (const char* searcher : {"random", "sobol", "tpe"}) {
    s.searcher = searcher;
    Optimizer optimizer(s);
    while (const auto job = optimizer.ask())
      optimizer.tell(*job, {{"loss", value_real(job->config.at("a"))}});
    EXPECT_TRUE(optimizer.finished());
    EXPECT_EQ(optimizer.study().size(), 2 * 101) << searcher;
  }
}

TEST(Optimizer, AFollowerTakesEveryResultOfItsTwin) {
  auto s = setup();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 2, 4}}, {"eta", 2}, {"eager", false}};
  s.objectives = {{"loss", true}, {"latency_s", true}};
  s.max_trials = 4;
  Optimizer optimizer(s);
  std::int64_t follower = -1;
  while (const auto job = optimizer.ask()) {
    if (job->from == 0)
      optimizer.keys(*job,
                     {Key{1, static_cast<std::uint64_t>(job->trial)},
                      Key{2, job->trial < 2 ? 0u : static_cast<std::uint64_t>(job->trial)}},
                     {{"latency_s", 1.0 - 0.1 * static_cast<double>(job->trial)}});
    if (job->trial == 1 && follower < 0) {
      follower = 1;
      EXPECT_TRUE(optimizer.same(*job, 0));
      continue;
    }
    optimizer.tell(*job, {{"loss", static_cast<double>(job->trial) + 1.0 / static_cast<double>(job->to)}});
  }
  const auto& twin = optimizer.study().trial(0);
  const auto& same = optimizer.study().trial(1);
  EXPECT_EQ(same.same_as, 0);
  ASSERT_EQ(twin.results.size(), 3u) << "the best was promoted after the follower had joined it";
  ASSERT_EQ(same.results.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(same.results[i].measures.find("loss"), twin.results[i].measures.find("loss"));
    EXPECT_EQ(same.results[i].measures.find("latency_s"), 0.9) << "its own cost";
  }
  EXPECT_EQ(optimizer.study().saved().fidelity, 4);
  EXPECT_EQ(optimizer.study().saved().same_function, 1);
}

TEST(Optimizer, ASearchDoesNotWaitForAnother) {
  const std::string mine = std::to_string(::getpid()), theirs = std::to_string(::getppid());
  auto s = setup();
  s.max_trials = 2;
  const auto store = study::open_store("memory:");
  const auto asker = [&](const std::string& name, const std::string& search) {
    auto own = s;
    own.worker = name + "." + (search.empty() ? mine : search);
    own.search = search;
    if (search == theirs) own.max_trials = std::nullopt;
    return std::make_unique<Optimizer>(own, store);
  };
  const auto one = asker("w0", mine), two = asker("w1", mine), other = asker("w0", theirs);
  const auto guest = asker("worker", "");
  const auto job = one->ask(), elsewhere = other->ask();
  ASSERT_TRUE(job && elsewhere);
  EXPECT_FALSE(two->ask());
  EXPECT_FALSE(two->finished()) << "a worker of its own search runs a trial";
  EXPECT_TRUE(one->tell(*job, {{"loss", 1.0}}));
  for (const auto& asks : {&one, &two}) {
    EXPECT_FALSE((*asks)->ask());
    EXPECT_TRUE((*asks)->finished()) << "what still runs is the other search's";
  }
  EXPECT_FALSE(guest->ask());
  EXPECT_FALSE(guest->finished()) << "who belongs to no search stays until the study is finished";
  const auto more = other->ask();
  ASSERT_TRUE(more) << "it has a budget of its own";
  EXPECT_EQ(more->trial, 2);
}

TEST(Optimizer, AnIdleWorkerStaysForThePromotionsOfItsSearch) {
  const std::string mine = std::to_string(::getpid());
  auto s = setup();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 2}}, {"eta", 2}, {"eager", false}};
  s.max_trials = 2;
  s.search = mine;
  const auto store = study::open_store("memory:");
  s.worker = "w0." + mine;
  Optimizer one(s, store);
  s.worker = "w1." + mine;
  Optimizer two(s, store);
  const auto a = one.ask(), b = two.ask();
  one.tell(*a, {{"loss", 1.0}});
  EXPECT_FALSE(one.ask());
  EXPECT_FALSE(one.finished());
  two.tell(*b, {{"loss", 2.0}});
  const auto promoted = one.ask();
  ASSERT_TRUE(promoted);
  EXPECT_EQ(promoted->trial, a->trial);
  EXPECT_FALSE(two.ask());
  EXPECT_FALSE(two.finished());
  one.tell(*promoted, {{"loss", 1.0}});
  EXPECT_FALSE(two.ask());
  EXPECT_TRUE(two.finished());
}

/// The mark of a process that has ended.
std::string mark_of_the_dead() {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string mark = process_mark();
    [[maybe_unused]] const auto n = ::write(ends[1], mark.data(), mark.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[256];
  const auto n = ::read(ends[0], text, sizeof text);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return std::string(text, static_cast<std::size_t>(std::max<std::ptrdiff_t>(n, 0)));
}

TEST(Optimizer, OnlyAProcessThatIsKnownToBeGoneIsOrphaned) {
  const std::string mine = process_mark(), dead = mark_of_the_dead();
  EXPECT_FALSE(orphaned("w0." + mine));
  EXPECT_FALSE(orphaned(process_name("here")));
  EXPECT_TRUE(orphaned("w0." + dead));
  EXPECT_TRUE(orphaned("node.7." + dead));
  // A user's name, and an older hone's: whatever its numbers are, they are no process.
  for (const char* name : {"node.4000001", "w0.4000001", "4000001", "node.4000001-1", "a.4000001-1-1-1", ".",
                           "node.", "node.--", "node.4000001-0-0", "node.-4000001-1-1"})
    EXPECT_FALSE(orphaned(name)) << name;
  const std::size_t first = dead.find('-'), second = dead.rfind('-');
  ASSERT_LT(first, second);
  EXPECT_FALSE(orphaned("w0." + dead.substr(0, first) + "-1" + dead.substr(second)))
      << "of another container: nothing is known of its processes";
  struct stat space {};
  ASSERT_EQ(::stat("/proc/self/ns/pid", &space), 0);
  EXPECT_FALSE(
      orphaned(fmt::format("w0.{}-{:x}{}", dead.substr(0, first), space.st_ino, dead.substr(second))))
      << "machines whose first space has the same number tell theirs apart";
  EXPECT_TRUE(orphaned("w0." + mine.substr(0, mine.rfind('-')) + "-1"))
      << "another process had this number before";
}

TEST(Optimizer, TakesOverFromASearchThatIsNoMore) {
  auto s = setup();
  s.max_trials = 2;
  const auto store = study::open_store("memory:");
  s.search = mark_of_the_dead();
  s.worker = "w0." + s.search;
  Optimizer dead(s, store);
  ASSERT_TRUE(dead.ask());
  s.search = process_mark();
  s.worker = "w0." + s.search;
  Optimizer alive(s, store);
  const auto job = alive.ask();
  ASSERT_TRUE(job);
  alive.tell(*job, {{"loss", 1.0}});
  EXPECT_FALSE(alive.ask());
  EXPECT_FALSE(alive.finished());
  const auto left = alive.ask();
  ASSERT_TRUE(left) << "nobody else would run it";
  EXPECT_EQ(left->trial, 0);
}

/// Two objectives, of which latency_s is a cost; every trial computes the same function.
Optimizer::Setup twins() {
  auto s = setup();
  s.objectives = {{"loss", true}, {"latency_s", true}};
  return s;
}

study::Keys keys_of(std::int64_t trial) { return {Key{1, static_cast<std::uint64_t>(trial)}, Key{2, 2}}; }

TEST(Optimizer, ATwinsReplicatesAreItsFollowersToo) {
  auto s = twins();
  s.replicates = 2;
  s.max_trials = 4;
  Optimizer optimizer(s);
  const auto first = optimizer.ask();
  optimizer.keys(*first, keys_of(0), {{"latency_s", 1.0}});
  optimizer.tell(*first, {{"loss", 1.0}});
  const auto replicate = optimizer.ask();
  ASSERT_EQ(optimizer.study().trial(replicate->trial).of, 0);
  optimizer.tell(*replicate, {{"loss", 3.0}});
  const auto second = optimizer.ask();
  optimizer.keys(*second, keys_of(2), {{"latency_s", 0.5}});
  EXPECT_TRUE(optimizer.same(*second, 0));
  ASSERT_EQ(optimizer.study().front().members().size(), 1u);
  EXPECT_EQ(optimizer.study().front().members()[0].trial, second->trial) << "it costs less";
  EXPECT_EQ(optimizer.study().front().members()[0].values, (std::vector<double>{2.0, 0.5}));
  const auto next = optimizer.ask();
  ASSERT_TRUE(next);
  EXPECT_EQ(optimizer.study().trial(next->trial).of, -1) << "its function has been evaluated twice";
}

TEST(Optimizer, AKnownCandidateEndsAsItsTwinAndItsLimitsSay) {
  auto s = twins();
  s.limits = {{"loss", 2.0, {}}, {"latency_s", 1.0, {}}};
  Optimizer optimizer(s);
  const auto known = [&](double latency_s) {
    const auto job = optimizer.ask();
    optimizer.keys(*job, keys_of(job->trial), {{"latency_s", latency_s}});
    return *job;
  };
  optimizer.tell(known(0.5), {{"loss", 3.0}});
  EXPECT_EQ(optimizer.study().trial(0).state, TrialState::infeasible);
  EXPECT_TRUE(optimizer.same(known(0.5), 0));
  EXPECT_EQ(optimizer.study().trial(1).state, TrialState::infeasible);
  EXPECT_EQ(optimizer.study().trial(1).cause, "limit");
  optimizer.tell(known(0.5), {{"loss", 1.0}});
  EXPECT_TRUE(optimizer.same(known(0.25), 2));
  EXPECT_TRUE(optimizer.same(known(4.0), 2));
  EXPECT_EQ(optimizer.study().trial(3).state, TrialState::completed);
  EXPECT_EQ(optimizer.study().trial(4).state, TrialState::infeasible) << "its own costs count";
  std::vector<TrialState> written;
  optimizer.study().store().read(0, [&](const study::Event& event) {
    if (event.kind == "end") written.push_back(std::get<study::EndRecord>(study::decode(event)).state);
  });
  EXPECT_EQ(written,
            (std::vector<TrialState>{TrialState::infeasible, TrialState::completed, TrialState::infeasible}));
}

TEST(Optimizer, WhoBeganLaterWaitsHoweverOldItsKeys) {
  Optimizer optimizer(twins());
  const auto first = optimizer.ask();
  optimizer.keys(*first, keys_of(0), {{"latency_s", 1.0}});
  optimizer.give_back(*first);  // interrupted; meanwhile another one that computes the same is begun
  const auto again = optimizer.ask();
  ASSERT_EQ(again->trial, 0);
  optimizer.give_back(*again);
  optimizer.study().commit(
      {study::TrialRecord{1, space::Config({{"x", Value(0.5)}, {"y", Value(0.5)}}), "user", 3},
       study::StartRecord{1, 1, "other.1", 1}});
  const Job second{1, optimizer.study().trial(1).config, 3, 0, 1, 1};
  optimizer.study().commit({study::KeysRecord{1, keys_of(1), {{"latency_s", 1.0}}}});
  using What = identity::Verdict::What;
  EXPECT_NE(optimizer.verdict(second).what, What::wait);
  const auto third = optimizer.ask();
  ASSERT_EQ(third->trial, 0);
  ASSERT_EQ(optimizer.verdict(*third).what, What::wait);
  EXPECT_EQ(optimizer.verdict(*third).trial, 1);
  EXPECT_NE(optimizer.verdict(second).what, What::wait) << "one of the two goes on";
}

TEST(Optimizer, LoosenedLimitsGiveTheSchedulerItsTrialBack) {
  auto s = twins();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 2}}, {"eta", 2}};
  s.max_trials = 2;
  s.limits = {{"latency_s", 1.0, {}}};
  const auto store = study::open_store("memory:");
  {
    Optimizer optimizer(s, store);
    const auto best = optimizer.ask();
    optimizer.keys(*best, keys_of(0), {{"latency_s", 2.0}});
    optimizer.refuse(*best, {{"loss", 1.0}}, "latency_s is 2 s");
    const auto other = optimizer.ask();
    optimizer.keys(*other, keys_of(1), {{"latency_s", 3.0}});
    optimizer.refuse(*other, {{"loss", 2.0}}, "latency_s is 3 s");
    EXPECT_FALSE(optimizer.ask());
    optimizer.study().commit({study::RevisedRecord{}});
  }
  s.limits = {};
  Optimizer optimizer(s, store);
  EXPECT_EQ(optimizer.study().count(TrialState::paused), 2);
  const auto job = optimizer.ask();
  ASSERT_TRUE(job) << "it may be promoted now";
  EXPECT_EQ(job->trial, 0);
  EXPECT_EQ(job->to, 2);
}

TEST(Optimizer, TrialsBetweenTheRungsOfANewSchedulerGoOn) {
  auto s = setup();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 3, 9}}, {"eta", 6}, {"eager", false}};
  s.max_trials = 18;
  const auto store = study::open_store("memory:");
  /// How many jobs went from one fidelity to another.
  const auto run = [&] {
    Optimizer optimizer(s, store);
    std::map<std::pair<std::int64_t, std::int64_t>, int> jobs;
    while (const auto job = optimizer.ask()) {
      ++jobs[{job->from, job->to}];
      optimizer.tell(*job, {{"loss", bowl(job->config) + 1.0 / static_cast<double>(job->to)}});
    }
    EXPECT_TRUE(optimizer.finished());
    return jobs;
  };
  auto jobs = run();
  ASSERT_EQ((jobs[{0, 1}]), 18);
  ASSERT_EQ((jobs[{1, 3}]), 3);
  ASSERT_EQ((jobs[{3, 9}]), 1) << "the best of three, so that there is a front";
  s.scheduler_options = {{"steps", {2, 9}}, {"eta", 3}, {"eager", false}};
  s.max_trials = 21;
  jobs = run();
  EXPECT_EQ((jobs[{0, 2}]), 3);
  // Those promoted before need not be among the best third of the 18 that began below the first rung.
  EXPECT_GE((jobs[{1, 2}]), 3);
  EXPECT_LE((jobs[{1, 2}]), 6);
  EXPECT_GE((1 + jobs[{3, 9}] + jobs[{2, 9}]), 3) << "a third of those that rested at 2 or 3";
  EXPECT_GT((jobs[{3, 9}]), 0);
  s.scheduler = "fixed";
  s.scheduler_options = {{"steps", 9}};
  jobs = run();
  EXPECT_GT((jobs[{1, 9}]), 0);
  EXPECT_EQ(Optimizer(s, store).study().count(TrialState::completed), 21) << "all that rested";
}

TEST(Optimizer, RefusesAStoreOfAnotherStudy) {
  auto store = study::open_store("memory:");
  Optimizer first(setup(), store);
  auto other = setup();
  other.objectives = {{"accuracy", false}};
  EXPECT_THROW(Optimizer(other, store), Error);
}

TEST(Optimizer, RepeatsWhatIsOnTheFrontUntilItsNoiseIsKnown) {
  auto s = setup();
  s.replicates = 5;
  s.max_trials = 200;
  Optimizer optimizer(s);
  // Half of the space is lucky the first time, and worse than all the rest on the average.
  std::set<std::uint64_t> seeds;
  while (const auto job = optimizer.ask()) {
    const bool lucky = job->config.real("x") > 0.5 && job->seed == s.seed;
    const double honest = job->config.real("x") > 0.5 ? 2.0 : 1.0 + job->config.real("y");
    if (job->seed != s.seed) seeds.insert(job->seed);
    optimizer.tell(*job, {{"loss", lucky ? 0.5 + 0.01 * job->config.real("y") : honest}});
  }
  const study::Study& study = optimizer.study();
  ASSERT_EQ(study.front().members().size(), 1u);
  const auto best = study.front().members()[0].trial;
  EXPECT_LE(study.trial(best).config.real("x"), 0.5) << "luck was seen through";
  EXPECT_EQ(study.replicates(best).size(), 4u);
  EXPECT_EQ(study.spread(best).n, 5);
  std::int64_t replicates = 0;
  for (const auto& trial : study.trials()) {
    replicates += trial.of >= 0;
    if (trial.of < 0) continue;
    EXPECT_EQ(trial.config, study.trial(trial.of).config);
    EXPECT_NE(trial.seed, s.seed);
  }
  EXPECT_EQ(static_cast<std::int64_t>(seeds.size()), replicates) << "every replicate has its own seed";
  EXPECT_LT(replicates, study.size() - replicates) << "only the front is repeated";
  // What the study says of itself is the same when it is read again, whole or lightly.
  for (const auto depth : {study::Study::Depth::whole, study::Study::Depth::light}) {
    study::Study again(study.store_pointer(), depth);
    again.sync();
    ASSERT_EQ(again.front().members().size(), 1u);
    EXPECT_EQ(again.front().members()[0].trial, best);
    EXPECT_EQ(again.front().members()[0].values, study.front().members()[0].values);
  }
}

TEST(Optimizer, TriesTheDefaultsFirst) {
  auto s = setup();
  space::Parameter x;
  x.name = "x";
  x.kind = space::ParameterKind::real;
  x.fallback = Value(0.25);
  s.space = space::Space::Builder().add(x).real("y", 0, 1).build();
  Optimizer optimizer(s);
  const auto first = optimizer.ask();
  EXPECT_EQ(first->config.real("x"), 0.25);
  EXPECT_EQ(optimizer.study().trial(0).origin, "default");
  EXPECT_EQ(optimizer.study().trial(optimizer.ask()->trial).origin, "random");
}

TEST(Optimizer, BatchesAreWhatAskingOneByOneGives) {
  auto s = setup();
  s.max_trials = 100;
  Optimizer one(s), many(s);
  std::size_t batches = 0;
  for (;;) {
    const auto jobs = many.ask_alike(32);
    if (jobs.empty()) break;
    ++batches;
    std::vector<Optimizer::Told> told;
    for (const auto& job : jobs) {
      const auto other = one.ask();
      ASSERT_TRUE(other);
      EXPECT_EQ(other->config, job.config);
      one.tell(*other, {{"loss", bowl(other->config)}});
      told.push_back({job, {{"loss", bowl(job.config)}}});
    }
    EXPECT_EQ(many.tell(told), told.size());
  }
  EXPECT_EQ(batches, 4u);
  EXPECT_TRUE(many.finished());
  EXPECT_EQ(one.study().front().members()[0].values, many.study().front().members()[0].values);
}

TEST(Optimizer, ABatchKeepsWhatCameInTime) {
  auto s = setup();
  Optimizer optimizer(s);
  auto jobs = optimizer.ask_alike(4);
  ASSERT_EQ(jobs.size(), 4u);
  give_back(optimizer.study(), Blame::nobody,
            [&](const study::HeldLease& held) { return held.lease.name == "trial/2"; });
  std::vector<Optimizer::Told> told;
  for (const auto& job : jobs) told.push_back({job, {{"loss", job.trial == 1 ? std::nan("") : 1.0}}});
  EXPECT_EQ(optimizer.tell(told), 3u) << "two results and a failure are in time";
  EXPECT_EQ(optimizer.study().count(TrialState::completed), 2);
  EXPECT_EQ(optimizer.study().trial(1).cause, "nan");
  EXPECT_EQ(optimizer.study().trial(2).state, TrialState::waiting);
  EXPECT_GT(optimizer.study().late(), 0);
}

TEST(Optimizer, ABatchIsTakenWholeOrNotAtAll) {
  Optimizer optimizer(setup());
  const auto jobs = optimizer.ask(3);
  std::vector<Optimizer::Told> told{
      {jobs[0], {{"loss", 0.5}}}, {jobs[1], {{"lss", 0.5}}}, {jobs[2], {{"loss", std::nan("")}}}};
  EXPECT_THROW(optimizer.tell(told), Error);
  EXPECT_EQ(optimizer.study().count(TrialState::running), 3) << "nothing was taken";
  told[1].measures = {{"loss", 0.25}};
  EXPECT_EQ(optimizer.tell(told), 3u);
  EXPECT_EQ(optimizer.study().trial(2).cause, "nan");
}

TEST(Optimizer, ASecondResultOfATrialInABatchIsLate) {
  Optimizer optimizer(setup());
  const auto jobs = optimizer.ask(2);
  EXPECT_EQ(optimizer.tell({{jobs[0], {{"loss", 0.5}}}, {jobs[0], {{"loss", 0.1}}}}), 1u);
  EXPECT_EQ(optimizer.study().trial(0).last()->measures.find("loss"), 0.5);
  const auto late = optimizer.study().late();
  EXPECT_GT(late, 0);
  EXPECT_EQ(optimizer.tell({{jobs[1], {{"loss", std::nan("")}}}, {jobs[1], {{"loss", 0.1}}}}), 1u);
  EXPECT_EQ(optimizer.study().trial(1).state, TrialState::failed) << "the first counts, whatever it is";
  EXPECT_GT(optimizer.study().late(), late);
}

TEST(Optimizer, ReportsLieBetweenWhereTheJobBeginsAndEnds) {
  auto s = setup();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {3, 9}}, {"eta", 2}, {"eager", false}};
  Optimizer optimizer(s);
  auto job = *optimizer.ask();
  for (const std::int64_t fidelity : {-3, 0, 4, 9, 1000000})
    EXPECT_THROW(optimizer.report(job, fidelity, {{"loss", 1.0}}), Error) << fidelity;
  EXPECT_TRUE(optimizer.study().trial(0).results.empty());
  optimizer.report(job, 1, {{"loss", 1.0}});
  optimizer.report(job, 3, {{"loss", 0.9}});
  for (const std::int64_t to : {0, 2, 9, 100}) {
    auto other = job;
    other.to = to;
    EXPECT_THROW(optimizer.tell(other, {{"loss", 0.5}}), Error) << to;
    EXPECT_THROW(optimizer.refuse(other, {{"loss", 0.5}}, "why"), Error) << to;
  }
  EXPECT_EQ(optimizer.study().late(), 0);
  EXPECT_TRUE(optimizer.tell(job, {{"loss", 0.9}}));
  EXPECT_EQ(optimizer.study().spending().units(), 3);
  EXPECT_FALSE(optimizer.tell(job, {{"loss", 0.9}})) << "it has ended: late";
}

TEST(Optimizer, AnEarlierAttemptsJobIsLateWhateverTheNextOneIsFor) {
  auto s = setup();
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 2}}, {"eta", 2}};
  s.max_trials = 2;
  Optimizer optimizer(s);
  const auto a = *optimizer.ask(), b = *optimizer.ask();
  optimizer.tell(a, {{"loss", 1.0}});
  optimizer.tell(b, {{"loss", 2.0}});
  const auto promoted = *optimizer.ask();
  ASSERT_EQ(promoted.trial, a.trial);
  EXPECT_FALSE(optimizer.tell(a, {{"loss", 0.0}}));
  EXPECT_TRUE(optimizer.tell(promoted, {{"loss", 0.5}}));
}

TEST(Optimizer, WhatIsToldOfNoTrialIsRefused) {
  Optimizer optimizer(setup());
  const auto job = *optimizer.ask();
  for (const std::int64_t id : {-5, -1, 77}) {
    auto other = job;
    other.trial = id;
    EXPECT_THROW(optimizer.end(other, TrialState::failed, "why"), Error) << id;
    EXPECT_THROW(optimizer.give_back(other), Error) << id;
    EXPECT_THROW(optimizer.keys(other, {}, {}), Error) << id;
    EXPECT_THROW(optimizer.join(other, 0), Error) << id;
    EXPECT_THROW(optimizer.join(job, id), Error) << id;
    EXPECT_THROW(optimizer.wait_behind(job, id), Error) << id;
  }
  EXPECT_THROW(optimizer.end(job, TrialState::running, "why"), Error);
  EXPECT_THROW(optimizer.end(job, TrialState::deleted, "why"), Error);
  EXPECT_EQ(optimizer.study().late(), 0);
  EXPECT_TRUE(optimizer.tell(job, {{"loss", 1.0}}));
}

TEST(Optimizer, TheBestHasAResultOfItsOwn) {
  auto s = twins();
  s.identity.policy = identity::Policy::average;
  s.max_trials = 2;
  for (const TrialState state : {TrialState::infeasible, TrialState::pruned}) {
    Optimizer optimizer(s);
    const auto jobs = optimizer.ask(2);
    optimizer.keys(jobs[0], keys_of(0), {{"latency_s", 2.0}});
    optimizer.keys(jobs[1], keys_of(1), {{"latency_s", 1.0}});
    ASSERT_TRUE(optimizer.join(jobs[1], 0));
    optimizer.end(jobs[1], state, "impossible");
    EXPECT_EQ(optimizer.best(), nullptr);
    optimizer.tell(jobs[0], {{"loss", 0.5}});
    ASSERT_NE(optimizer.best(), nullptr);
    EXPECT_EQ(optimizer.best()->id, 0);
    EXPECT_EQ(optimizer.study().front().members().size(), 1u);
  }
}

TEST(Optimizer, RefusesAWrongSetup) {
  const auto message = [](const std::function<void(Optimizer::Setup&)>& spoil) -> std::string {
    auto s = setup();
    s.space = space::Space::Builder()
                  .real("x", 0, 1)
                  .integer("i", 1, 8)
                  .choice("c", {"a", "b", "d"})
                  .where("i != 5")
                  .build();
    spoil(s);
    try {
      Optimizer optimizer(s);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  using Setup = Optimizer::Setup;
  const auto prior = [](search::Prior::Belief belief) {
    return [belief](Setup& s) { s.prior = search::Prior(std::vector<search::Prior::Belief>{belief}); };
  };
  const auto first = [](std::vector<space::Config::Entry> entries) {
    return [entries](Setup& s) { s.first = {space::Config(entries)}; };
  };
  const double nan = std::nan("");
  const Value x(0.5), i(std::int64_t{3}), c(std::string("b"));
  const auto warm = [&](std::vector<double> second) {
    const space::Config config({{"x", x}, {"i", i}, {"c", c}});
    return [=](Setup& s) { s.warm = {{"old", {{config, {0.5}}, {config, second}}}}; };
  };
  const std::vector<std::pair<std::function<void(Setup&)>, std::string>> wrong{
      {[](Setup& s) {
         s.objectives = {{"loss"}, {"loss", false}};
       },
       "'loss'"},
      {[&](Setup& s) {
         s.max_spend = {{"dollars", nan}};
       },
       "'dollars'"},
      {[&](Setup& s) {
         s.limits = {{"loss", nan, {}}};
       },
       "'loss'"},
      {[&](Setup& s) {
         s.limits = {{"loss", {}, nan}};
       },
       "'loss'"},
      {[](Setup& s) {
         s.limits = {{"loss", 0.1, 0.9}};
       },
       "0.9"},
      {prior({.parameter = 3}), "parameter 3"},
      {prior({.parameter = 0, .at = nan}), "'x'"},
      {prior({.parameter = 0, .spread = 0.0}), "'x'"},
      {prior({.parameter = 2, .weights = {1.0, 2.0}}), "2 weights for 3 values"},
      {prior({.parameter = 2, .weights = {0.0, 0.0, 0.0}}), "'c'"},
      {prior({.parameter = 2, .weights = {1.0, nan, 1.0}}), "'c'"},
      {warm({}), "result 1 of the earlier study 'old' has 0 values for 1 objectives"},
      {warm({1.0, 2.0}), "has 2 values for 1 objectives"},
      {warm({nan}), "result 1 of the earlier study 'old' has a value that is not finite"},
      {first({{"x", Value(7.0)}, {"i", i}, {"c", c}}), "first[0]: 7 is no value of 'x'"},
      {first({{"x", Value(nan)}, {"i", i}, {"c", c}}), "'x'"},
      {first({{"x", x}, {"i", i}}), "lacks c"},
      {first({}), "lacks x, i, c"},
      {first({{"x", x}, {"i", i}, {"c", c}, {"zz", x}}), "'zz'"},
      {first({{"x", x}, {"i", Value(std::int64_t{5})}, {"c", c}}), "i != 5"},
  };
  for (std::size_t k = 0; k < wrong.size(); ++k) {
    const std::string said = message(wrong[k].first);
    EXPECT_NE(said.find(wrong[k].second), std::string::npos) << k << ": " << said;
  }
  EXPECT_EQ(message([](Setup&) {}), "");
  EXPECT_EQ(message(prior({.parameter = 2, .weights = {1.0, 0.0, 1.0}})), "");
  EXPECT_EQ(message(first({{"x", x}, {"i", i}, {"c", c}})), "");
  EXPECT_EQ(message(warm({0.25})), "");
}

TEST(Optimizer, FirstConfigsAreOfTheSpaceAndEachTriedOnce) {
  auto s = setup();
  const auto config = [](double x, double y) { return space::Config({{"x", Value(x)}, {"y", Value(y)}}); };
  s.first = {space::Config({{"y", Value(0.25)}, {"x", Value(0.123456789)}}), config(0.5, 0.5),
             config(0.5, 0.5), config(0.500000001, 0.5), config(0.75, 0.5)};
  const auto store = study::open_store("memory:");
  std::vector<std::string> tried;
  for (int i = 0; i < 4; ++i) {
    Optimizer optimizer(s, store);  // a new process
    const auto job = optimizer.ask();
    if (i == 0) {
      EXPECT_EQ(job->config, config(0.123457, 0.25)) << "in the space's order and digits";
    }
    tried.push_back(job->config.shown());
    EXPECT_EQ(optimizer.study().trial(job->trial).origin, i < 3 ? "try" : "random");
    optimizer.tell(*job, {{"loss", 1.0}});
  }
  Optimizer whole(s);
  const auto jobs = whole.ask_alike(4);  // in one transaction
  ASSERT_EQ(jobs.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(jobs[i].config.shown(), tried[i]);
  // One that was deleted is tried again, by whoever saw it and by a new process.
  for (const auto& job : jobs) whole.tell(job, {{"loss", 1.0}});
  whole.study().commit({study::DeleteRecord{1}});
  Optimizer fresh(s, whole.study().store_pointer());
  const auto again = whole.ask();
  EXPECT_EQ(again->config.shown(), tried[1]);
  fresh.study().sync();
  EXPECT_EQ(fresh.study().trial(fresh.ask()->trial).origin, "random");
}

TEST(Optimizer, NewLimitsJudgeOldTrials) {
  auto s = setup();
  s.limits = {{"loss", 0.2, {}}};
  s.max_trials = 30;
  Optimizer optimizer(s);
  while (const auto job = optimizer.ask()) optimizer.tell(*job, {{"loss", bowl(job->config)}});
  const auto refused = optimizer.study().count(TrialState::infeasible);
  ASSERT_GT(refused, 0);
  for (const auto& trial : optimizer.study().trials())
    EXPECT_EQ(trial.state == TrialState::infeasible, trial.last()->measures.find("loss") > 0.2);
  const auto best = optimizer.study().front().members()[0];
  study::RevisedRecord tighter;
  tighter.limits = {{"loss", {}, 0.1}};  // the best are out now
  optimizer.study().commit({tighter});
  EXPECT_TRUE(optimizer.outdated());
  EXPECT_FALSE(optimizer.ask());
  for (const auto& trial : optimizer.study().trials())
    EXPECT_EQ(trial.state == TrialState::infeasible, trial.last()->measures.find("loss") < 0.1);
  EXPECT_NE(optimizer.study().front().members()[0].trial, best.trial);
  study::RevisedRecord none;
  optimizer.study().commit({none});
  EXPECT_EQ(optimizer.study().count(TrialState::infeasible), 0);
  EXPECT_EQ(optimizer.study().front().members()[0].trial, best.trial);
}

TEST(Optimizer, ABatchOfASearcherThatLearnsIsSpreadOut) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  setup.objectives = {{"loss"}};
  setup.searcher = "gp";
  setup.max_trials = 30;
  Optimizer optimizer(setup);
  std::set<std::string> configs;
  for (std::size_t batch = 0; batch < 5; ++batch) {
    const auto jobs = optimizer.ask(8);
    ASSERT_EQ(jobs.size(), batch < 3 ? 8u : batch == 3 ? 6u : 0u);
    for (const Job& job : jobs) configs.insert(job.config.shown());
    for (const Job& job : jobs)
      optimizer.tell(job, {{"loss", std::abs(job.config.real("x") - 0.3) + job.config.real("y")}});
  }
  EXPECT_EQ(configs.size(), 30u);
  EXPECT_TRUE(optimizer.finished());
}

}  // namespace
}  // namespace hone::run
