#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/predict/running_median.h"
#include "hone/study/front.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;
using Verdict = Scheduler::Verdict;

/// Runs a trial that reports its curve at every step; where it was stopped, or 0.
template <typename Curve>
std::int64_t run(Simulation& simulation, const Curve& curve) {
  Trial& trial = simulation.start(*simulation.scheduler->next(true));
  for (std::int64_t step = 1; step < trial.target; ++step) {
    simulation.report(trial, step, curve(step));
    const Verdict verdict = simulation.scheduler->judge(trial, step);
    EXPECT_NE(verdict, Verdict::pause);
    if (verdict == Verdict::go_on) continue;
    simulation.set_state(trial, TrialState::pruned);
    return step;
  }
  simulation.finish(trial, curve(trial.target));
  EXPECT_EQ(trial.state, TrialState::completed);
  return 0;
}

/// The q-quantile with linear interpolation between neighbours, as Syne Tune takes it.
double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto k = static_cast<std::size_t>(at);
  if (k + 1 == values.size()) return values[k];
  return values[k] + (at - static_cast<double>(k)) * (values[k + 1] - values[k]);
}

TEST(StoppingAsha, StopsWhatIsOutsideTheTopShareOfARung) {
  for (const std::int64_t eta : {2, 3, 4}) {
    Simulation simulation(make_scheduler(
        "asha", problem_of(1),
        Json{{"steps", {1, 3, 9, 20}}, {"eta", eta}, {"type", "stopping"}, {"measured", false}}));
    EXPECT_EQ(simulation.scheduler->watched(), (std::vector<std::int64_t>{1, 3, 9}));
    std::map<std::int64_t, std::vector<double>> seen;
    Rng rng(static_cast<std::uint64_t>(eta), "curves");
    int stopped = 0;
    for (int i = 0; i < 200; ++i) {
      const double level = std::floor(10.0 * rng.uniform());  // ties
      const auto curve = [&](std::int64_t step) { return std::vector<double>{level + 1.0 / double(step)}; };
      std::int64_t expected = 0;
      for (const std::int64_t rung : {1, 3, 9}) {
        if (expected > 0) break;
        seen[rung].push_back(curve(rung)[0]);
        if (curve(rung)[0] > quantile(seen[rung], 1.0 / double(eta)) + 1e-12) expected = rung;
      }
      ASSERT_EQ(run(simulation, curve), expected) << i;
      stopped += expected > 0 ? 1 : 0;
    }
    EXPECT_GT(stopped, 60);
  }
}

TEST(StoppingAsha, CountsTheFirstReportAtARungOrBeyond) {
  Simulation simulation(
      make_scheduler("asha", problem_of(1),
                     Json{{"steps", {2, 4, 16}}, {"eta", 2}, {"type", "stopping"}, {"measured", false}}));
  const auto at_threes = [&](double level) {
    Trial& trial = simulation.start(*simulation.scheduler->next(true));
    for (const std::int64_t step : {3, 6, 9}) {
      simulation.report(trial, step, {level});
      if (simulation.scheduler->judge(trial, step) == Verdict::stop) {
        simulation.set_state(trial, TrialState::pruned);
        return step;
      }
    }
    simulation.finish(trial, {level});
    return std::int64_t{0};
  };
  EXPECT_EQ(at_threes(0.5), 0);
  EXPECT_EQ(at_threes(0.7), 3) << "half of two may go on";
  EXPECT_EQ(at_threes(0.4), 0);
  EXPECT_EQ(at_threes(kNaN), 3);
}

TEST(StoppingAsha, ATrialIsJudgedOnceARung) {
  Simulation simulation(
      make_scheduler("asha", problem_of(1),
                     Json{{"steps", {2, 8, 32}}, {"eta", 2}, {"type", "stopping"}, {"measured", false}}));
  Trial& first = simulation.start(*simulation.scheduler->next(true));
  simulation.report(first, 2, {0.5});
  EXPECT_EQ(simulation.scheduler->judge(first, 2), Verdict::go_on);
  for (int i = 0; i < 3; ++i) {  // better ones come later
    Trial& other = simulation.start(*simulation.scheduler->next(true));
    simulation.report(other, 2, {0.1});
    EXPECT_EQ(simulation.scheduler->judge(other, 2), Verdict::go_on);
  }
  for (const std::int64_t step : {3, 5, 7}) {
    simulation.report(first, step, {0.4});
    EXPECT_EQ(simulation.scheduler->judge(first, step), Verdict::go_on)
        << "the second rung is the next that it is judged at";
  }
}

TEST(StoppingAsha, SeveralObjectivesGoByRankAndCrowding) {
  Simulation simulation(
      make_scheduler("asha", problem_of(2),
                     Json{{"steps", {1, 2}}, {"eta", 2}, {"type", "stopping"}, {"measured", false}}),
      2);
  const auto flat = [](double a, double b) {
    return [=](std::int64_t) { return std::vector<double>{a, b}; };
  };
  EXPECT_EQ(run(simulation, flat(1, 9)), 0);
  EXPECT_EQ(run(simulation, flat(2, 9.5)), 1) << "dominated";
  EXPECT_EQ(run(simulation, flat(9, 1)), 0);
  EXPECT_EQ(run(simulation, flat(5, 5)), 1) << "on the front, but least alone there, and two of four go on";
  EXPECT_EQ(run(simulation, flat(0.5, 8)), 0);
}

TEST(RunningMedian, IsTheMiddleOfWhatIsThere) {
  predict::RunningMedian median;
  std::vector<double> there;
  Rng rng(4, "median");
  for (int i = 0; i < 500; ++i) {
    if (there.size() > 1 && rng.below(3) == 0) {
      const auto at = static_cast<std::ptrdiff_t>(rng.below(there.size()));
      median.erase(there[static_cast<std::size_t>(at)]);
      there.erase(there.begin() + at);
    } else {
      there.push_back(double(rng.below(20)));
      median.insert(there.back());
    }
    ASSERT_EQ(median.size(), there.size());
    ASSERT_DOUBLE_EQ(median.value(), quantile(there, 0.5));
  }
}

TEST(Median, StopsWhereTheBestIsWorseThanTheMedianOfTheAverages) {
  Simulation simulation(make_scheduler("median", problem_of(1), Json{{"steps", 4}, {"min_trials", 3}}));
  const auto curve = [](std::vector<double> values) {
    return [values](std::int64_t step) {
      return std::vector<double>{values[static_cast<std::size_t>(step - 1)]};
    };
  };
  EXPECT_EQ(run(simulation, curve({9, 9, 9, 9})), 0) << "nobody to compare with";
  EXPECT_EQ(run(simulation, curve({8, 4, 3, 1})), 0);
  EXPECT_EQ(run(simulation, curve({6, 4, 2, 2})), 0);
  // Averages so far: (9, 9, 9), (8, 6, 5), (6, 5, 4); medians 8, 6, 5.
  EXPECT_EQ(run(simulation, curve({8, 6, 5, 5})), 0) << "equal is not worse";
  // Now a fourth with averages (8, 7, 6.33): medians 8, 6.5, 5.67.
  EXPECT_EQ(run(simulation, curve({8.1, 1, 1, 1})), 1);
  EXPECT_EQ(run(simulation, curve({8, 6.6, 1, 1})), 2);
  EXPECT_EQ(run(simulation, curve({5, 9, 9, 9})), 0) << "its best counts, not its last";
  EXPECT_EQ(run(simulation, curve({kNaN, 1, 1, 1})), 1);
}

TEST(Median, DeletedTrialsAndThoseThatWereStoppedDoNotCount) {
  Simulation simulation(make_scheduler("median", problem_of(1), Json{{"steps", 3}, {"min_trials", 2}}));
  const auto flat = [](double value) { return [value](std::int64_t) { return std::vector<double>{value}; }; };
  EXPECT_EQ(run(simulation, flat(1)), 0);
  EXPECT_EQ(run(simulation, flat(2)), 0);
  EXPECT_EQ(run(simulation, flat(1.6)), 1);
  EXPECT_EQ(run(simulation, flat(1.6)), 1) << "the median is of the two that completed";
  simulation.set_state(simulation.trials[0], TrialState::deleted);
  EXPECT_EQ(run(simulation, flat(3)), 0) << "one is too few";
  EXPECT_EQ(run(simulation, flat(2.6)), 1);
}

TEST(Median, OfSeveralObjectivesEveryOneMustBeWorse) {
  Simulation simulation(make_scheduler("median", problem_of(2), Json{{"steps", 3}, {"min_trials", 3}}), 2);
  const auto flat = [](double a, double b) {
    return [=](std::int64_t) { return std::vector<double>{a, b}; };
  };
  EXPECT_EQ(run(simulation, flat(1, 9)), 0);
  EXPECT_EQ(run(simulation, flat(5, 5)), 0);
  EXPECT_EQ(run(simulation, flat(9, 1)), 0);
  EXPECT_EQ(run(simulation, flat(9, 4)), 0) << "worse in one alone";
  EXPECT_EQ(run(simulation, flat(2, 8)), 0) << "worse in the other alone";
  EXPECT_EQ(run(simulation, flat(8, 8)), 1);
}

/// Power-law curves a + b step^-c.
struct Law {
  double a, b, c;
  std::vector<double> operator()(std::int64_t step) const { return {a + b * std::pow(double(step), -c)}; }
};
Law law(Rng& rng) { return {rng.uniform(), rng.uniform(0.5, 2.0), rng.uniform(0.3, 1.0)}; }

TEST(CurvePrediction, StopsBadCurvesAndKeepsGoodOnes) {
  Simulation simulation(
      make_scheduler("curve_prediction", problem_of(1), Json{{"steps", 30}, {"n_train", 40}, {"first", 5}}));
  Rng rng(5, "laws");
  double best = 1e9;
  for (int i = 0; i < 40; ++i) {
    const Law one = law(rng);
    ASSERT_EQ(run(simulation, one), 0) << "there is no model yet";
    best = std::min(best, one(30)[0]);
  }
  int bad = 0, bad_stopped = 0, best_stopped = 0;
  std::int64_t units = 0;
  for (int i = 0; i < 60; ++i) {
    const Law one = law(rng);
    const double final = one(30)[0];
    const std::int64_t stopped = run(simulation, one);
    units += stopped > 0 ? stopped : 30;
    if (final > best + 0.2) {
      ++bad;
      bad_stopped += stopped > 0 ? 1 : 0;
    } else if (final < best) {
      best_stopped += stopped > 0 ? 1 : 0;
      best = final;
    }
  }
  EXPECT_GT(bad, 30);
  EXPECT_GE(bad_stopped, bad * 9 / 10);
  EXPECT_EQ(best_stopped, 0);
  EXPECT_LT(units, 60 * 30 / 2);
}

TEST(CurvePrediction, KeepsWhatIsBetweenTheEndsOfAFront) {
  // Two objectives, of which one is won where the other is lost: t and 1 - t, and what a trial is worse by.
  const auto curve = [](double t, double worse) {
    return [=](std::int64_t step) {
      const double rest = 1.0 / static_cast<double>(step);
      return std::vector<double>{t + worse + rest, 1.0 - t + worse + rest};
    };
  };
  Simulation simulation(
      make_scheduler("curve_prediction", problem_of(2), Json{{"steps", 10}, {"n_train", 30}, {"first", 3}}),
      2);
  Rng rng(8, "fronts");
  for (int i = 0; i < 40; ++i) run(simulation, curve(rng.uniform(), rng.uniform(0.0, 1.0)));
  run(simulation, curve(0.0, 0.0));
  run(simulation, curve(0.5, 0.05));
  run(simulation, curve(1.0, 0.0));
  int stopped = 0, bad_stopped = 0;
  for (int i = 0; i < 20; ++i) {
    stopped += run(simulation, curve(rng.uniform(0.2, 0.8), 0.0)) > 0 ? 1 : 0;
    bad_stopped += run(simulation, curve(0.5, 0.8)) > 0 ? 1 : 0;
  }
  EXPECT_EQ(stopped, 0);
  EXPECT_GT(bad_stopped, 15);
}

TEST(CurvePrediction, StopsOnlyWhereItIsSure) {
  // Levels that the first report shows, and last values that noise is added to. `above`: by how many of its
  // deviations a level is above the best of all last values.
  const auto is_stopped = [](double confidence, double above) {
    Simulation simulation(
        make_scheduler("curve_prediction", problem_of(1),
                       Json{{"steps", 6}, {"n_train", 60}, {"first", 2}, {"confidence", confidence}}));
    Rng rng(3, "noisy ends");
    double best = 1e9;
    for (int i = 0; i < 60; ++i) {
      const double level = rng.uniform(), last = level + 0.1 * rng.normal();
      best = std::min(best, last);
      run(simulation, [&](std::int64_t step) { return std::vector<double>{step < 6 ? level : last}; });
    }
    return run(simulation, [&](std::int64_t) { return std::vector<double>{best + 0.1 * above}; }) > 0;
  };
  EXPECT_FALSE(is_stopped(0.95, 1.0)) << "one in six ends below the best";
  EXPECT_TRUE(is_stopped(0.6, 1.0));
  EXPECT_TRUE(is_stopped(0.95, 4.0));
}

TEST(CurvePrediction, LearnsFromTheConfig) {
  const space::Space space = space::Space::Builder().real("x", 0.0, 1.0).build();
  Problem problem = problem_of(1);
  problem.space = &space;
  Simulation simulation(
      make_scheduler("curve_prediction", problem, Json{{"steps", 5}, {"n_train", 40}, {"first", 2}}));
  // All curves are alike but for the last value, which the config decides.
  const auto ends = [&](double x) {
    const auto job = simulation.scheduler->next(true);
    Trial fresh;
    fresh.id = static_cast<std::int64_t>(simulation.trials.size());
    fresh.config = space::Config({{"x", x}});
    simulation.trials.push_back(fresh);
    simulation.tell(study::Change::Kind::created, simulation.trials.back());
    Trial& trial = simulation.start({fresh.id, job->fidelity});
    for (std::int64_t step = 1; step < 5; ++step) {
      simulation.report(trial, step, {1.0 / double(step)});
      if (simulation.scheduler->judge(trial, step) != Verdict::stop) continue;
      simulation.set_state(trial, TrialState::pruned);
      return false;
    }
    simulation.finish(trial, {x});
    return true;
  };
  Rng rng(7, "configs");
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(ends(rng.uniform()));
  EXPECT_FALSE(ends(0.9));
  EXPECT_FALSE(ends(0.6));
  EXPECT_TRUE(ends(0.0));
}

TEST(CurvePrediction, AnswersFromWhatItWasToldAndNotFromWhenItWasAsked) {
  const Json options{{"steps", 10}, {"n_train", 8}};
  Simulation simulation(make_scheduler("curve_prediction", problem_of(1), options));
  Rng rng(6, "laws");
  for (int i = 0; i < 25; ++i) run(simulation, law(rng));
  const auto late = make_scheduler("curve_prediction", problem_of(1), options);
  for (const auto& told : simulation.log)
    late->update({told.kind, &told.trial, told.result ? &*told.result : nullptr});
  Trial probe;
  probe.id = 99;
  int stops = 0;
  for (int i = 0; i < 10; ++i) {
    const Law one = law(rng);
    probe.results.clear();
    for (std::int64_t step = 1; step < 10; ++step) {
      study::Result result{step, {}};
      result.measures.set("a", one(step)[0]);
      probe.results.push_back(result);
      const auto verdict = simulation.scheduler->judge(probe, step);
      ASSERT_EQ(verdict, late->judge(probe, step));
      stops += verdict == Verdict::stop ? 1 : 0;
    }
  }
  EXPECT_GT(stops, 0);
}

}  // namespace
}  // namespace hone::schedule
