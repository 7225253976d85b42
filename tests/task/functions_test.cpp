#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/run/study_file.h"
#include "hone/study/front.h"
#include "hone/task/functions/bbob.h"
#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

double value(const Benchmark& benchmark, const std::vector<double>& x) {
  std::vector<space::Config::Entry> entries;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto& parameter = benchmark.space().parameter(i);
    if (parameter.kind == space::ParameterKind::integer)
      entries.emplace_back(parameter.name, static_cast<std::int64_t>(x[i]));
    else
      entries.emplace_back(parameter.name, x[i]);
  }
  const auto measures =
      benchmark.evaluate(space::Config(std::move(entries)), 0, benchmark.horizon()).measures;
  for (const auto& limit : benchmark.limits())
    EXPECT_LE(*measures.find(limit.name), 2e-5) << benchmark.name() << " " << limit.name;
  return *measures.find(benchmark.objectives().front().name);
}

const std::map<std::string, std::vector<double>>& optimal_places() {
  static const double pi = std::acos(-1.0);
  static const std::map<std::string, std::vector<double>> places{
      {"branin", {(pi + 5.0) / 15.0, 2.275 / 15.0}},
      {"hartmann3", {0.114614, 0.555649, 0.852547}},
      {"hartmann6", {0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573}},
      {"six_hump_camel", {0.0898, -0.7126}},
      {"goldstein_price", {0.0, -1.0}},
      {"shekel10", {4.00074671, 4.00059326, 3.99966290, 3.99950981}},
      {"ackley", {0, 0, 0, 0, 0}},
      {"levy", {1, 1, 1, 1, 1}},
      {"rosenbrock", {1, 1, 1, 1, 1}},
      {"rastrigin", {0, 0, 0, 0, 0}},
      {"griewank", {0, 0, 0, 0, 0}},
      {"styblinski_tang", {-2.903534, -2.903534, -2.903534, -2.903534, -2.903534}},
      {"schwefel", {420.968746, 420.968746, 420.968746, 420.968746, 420.968746}},
      {"michalewicz10",
       {2.20290552, 1.57079633, 1.28499157, 1.92305847, 1.72046977, 1.57079633, 1.45441397, 1.75608653,
        1.65571742, 1.57079633}},
      {"gardner1", {1.5 * pi, 0.0}},
      {"gardner2", {1.5 * pi, std::asin(0.95)}},
      {"g04", {78.0, 33.0, 29.9952560256815985, 45.0, 36.7758129057882073}},
      {"g06", {14.095, 0.842960789215478}},
      {"g08", {1.22797135260752599, 4.24537336612274885}},
      {"g09",
       {2.33049935147405174, 1.95137236847114592, -0.477541399510615805, 4.36572624923625874,
        -0.624486959100388983, 1.03813099410962173, 1.5942266780671519}},
      {"g24", {2.32952019747762, 3.17849307411774}},
      {"g01", {1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 1}},
      {"g07",
       {2.17199634142692, 2.3636830416034, 8.77392573913157, 5.09598443745173, 0.990654756560493,
        1.43057392853463, 1.32164415364306, 9.82872576524495, 8.2800915887356, 8.3759266477347}},
      {"g10",
       {579.306685017979589, 1359.97067807935605, 5109.97065743133317, 182.01769963061534,
        295.601173702746792, 217.982300369384632, 286.41652592786852, 395.601173702746735}},
      {"g12", {5, 5, 5}},
      {"g18",
       {-0.657776192427943163, -0.153418773482438542, 0.323413871675240938, -0.946257611651304398,
        -0.657776194376798906, -0.753213434632691414, 0.323413874123576972, -0.346462947962331735,
        0.59979466285217542}},
      {"townsend", {2.0052938404045184, 1.1944508453635772}},
      {"mishra_bird", {-3.130246801098867, -1.5821421806335199}},
      {"three_bar_truss", {0.7886540588364138, 0.40830790497495995}},
      {"cantilever",
       {6.01601589415059, 5.309173857413238, 4.494329573323156, 3.50147497042532, 2.1526653296728657}},
      {"tubular_column", {5.4511562342549, 0.2919654771437}},
      {"clutch_brake", {70, 90, 1, 1000, 2}},
      {"welded_beam", {0.205729639786, 3.470488665628, 9.036623910358, 0.205729639786}},
      {"pressure_vessel", {13, 7, 42.0984455958549, 176.6365958424394}},
      {"spring", {0.0516890614, 0.3567177469, 11.2889653382}},
      {"speed_reducer", {3.5, 0.7, 17, 7.3, 7.71531991, 3.35054095, 5.28665446}},
      {"branin_fidelity", {pi, 2.275}},
      {"hartmann3_fidelity", {0.114614, 0.555649, 0.852547}},
      {"hartmann6_fidelity", {0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573}},
      {"currin", {0.21666, 0.0}},
      {"borehole", {0.15, 100, 115600, 1110, 116, 700, 1120, 12045}},
  };
  return places;
}

TEST(Functions, OptimaAreWhereTheirSourcesSay) {
  const auto& places = optimal_places();
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite == "bbob" || info.suite == "several" || info.suite == "mixed" ||
        info.suite == "conditional" || info.suite == "failing")
      continue;
    const auto place = places.find(info.name);
    ASSERT_NE(place, places.end()) << info.name;
    const auto benchmark = make_function(info.name);
    const double best = *benchmark->optimum();
    EXPECT_NEAR(value(*benchmark, place->second), best, 1e-5 * std::max(1.0, std::abs(best))) << info.name;
  }
}

TEST(Functions, NothingIsBetterThanTheOptimum) {
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite == "several" || info.suite == "failing") continue;
    const auto benchmark = make_function(info.name);
    const bool minimize = benchmark->objectives().front().minimize;
    for (std::uint64_t i = 0; i < 200; ++i) {
      Rng rng(7, "test", i);
      const auto measures =
          benchmark->evaluate(benchmark->space().sample(rng), 0, benchmark->horizon()).measures;
      bool within = true;
      for (const auto& limit : benchmark->limits()) within = within && limit.violation(measures).empty();
      const double found = *measures.find("value");
      ASSERT_TRUE(std::isfinite(found)) << info.name;
      if (!within) continue;
      const double above = minimize ? found - *benchmark->optimum() : *benchmark->optimum() - found;
      EXPECT_GE(above, -1e-9) << info.name;
    }
  }
}

TEST(Functions, NoDescentFromAConstrainedOptimumGetsBelowIt) {
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite != "constrained") continue;
    const auto benchmark = make_function(info.name);
    const double best = *benchmark->optimum();
    std::vector<double> place = optimal_places().at(info.name);
    double value = std::numeric_limits<double>::infinity();
    for (std::uint64_t i = 0; i < 4000; ++i) {
      Rng rng(11, "test", i);
      std::vector<space::Config::Entry> entries;
      std::vector<double> next = place;
      const double step = std::pow(10.0, rng.uniform(-7.0, -2.0));
      for (std::size_t d = 0; d < next.size(); ++d) {
        const auto& parameter = benchmark->space().parameter(d);
        if (parameter.kind == space::ParameterKind::integer) {
          entries.emplace_back(parameter.name, static_cast<std::int64_t>(next[d]));
          continue;
        }
        if (rng.uniform() < 0.5)
          next[d] = std::clamp(next[d] + step * (parameter.high - parameter.low) * rng.normal(),
                               parameter.low, parameter.high);
        entries.emplace_back(parameter.name, next[d]);
      }
      const auto measures = benchmark->evaluate(space::Config(std::move(entries)), 0, 1).measures;
      bool within = true;
      for (const auto& limit : benchmark->limits()) within = within && limit.violation(measures).empty();
      if (!within || *measures.find("value") >= value) continue;
      value = *measures.find("value");
      place = next;
    }
    EXPECT_GE(value, best - 1e-6 * std::max(1.0, std::abs(best))) << info.name;
    EXPECT_LE(value, best + 1e-2 * std::max(1.0, std::abs(best))) << info.name << ": no feasible place found";
  }
}

TEST(Functions, BbobInstancesAreThoseOfCoco) {
  // The values of the optima of instance 1, as the platform publishes them.
  const std::map<int, double> values{{1, 79.48},  {2, -209.88},  {3, -462.09}, {4, -462.09},  {5, -9.21},
                                     {6, 35.9},   {7, 92.94},    {8, 149.15},  {9, 123.83},   {10, -54.94},
                                     {11, 76.27}, {12, -621.11}, {13, 29.97},  {14, -52.35},  {15, 1000.0},
                                     {16, 71.35}, {17, -16.94},  {18, -16.94}, {19, -102.55}, {20, -546.5},
                                     {21, 40.78}, {22, -1000.0}, {23, 6.87},   {24, 102.61}};
  for (const auto& [number, expected] : values)
    EXPECT_NEAR(bbob::optimum_value(number, 1), expected, 1e-9) << number;
  const auto place = bbob::make_instance(1, 2, 1).place;
  EXPECT_NEAR(place[0], 0.2528, 1e-9);
  EXPECT_NEAR(place[1], -1.1568, 1e-9);
}

TEST(Functions, BbobIsZeroAtItsOptimumAndAboveAround) {
  for (int number = 1; number <= 24; ++number)
    for (const std::size_t n : {2, 5, 10})
      for (const std::uint64_t instance : {1, 2, 7}) {
        const auto made = bbob::make_instance(number, n, instance);
        EXPECT_NEAR(made.raw(made.place), 0.0, number == 24 ? 1e-6 : 1e-8) << number << " in " << n;
        for (std::uint64_t i = 0; i < 30; ++i) {
          Rng rng(3, "test", i);
          std::vector<double> x = made.place;
          for (double& one : x) one += rng.uniform(-0.5, 0.5);
          EXPECT_GE(made.raw(x), number == 20 ? -1e-6 : -1e-9) << number << " in " << n;
        }
      }
}

TEST(Functions, BbobRotationsAreRotations) {
  const auto turn = bbob::rotation(7, 1000042);
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j < 7; ++j) {
      double product = 0.0;
      for (std::size_t k = 0; k < 7; ++k) product += turn.at(k, i) * turn.at(k, j);
      EXPECT_NEAR(product, i == j ? 1.0 : 0.0, 1e-12);
    }
}

TEST(Functions, MixedOnesReachTheirOptimum) {
  const auto two = make_function("func2c");
  const auto at = [&](const char* first, const char* second) {
    return *two->evaluate(space::Config({{"h1", std::string(first)},
                                         {"h2", std::string(second)},
                                         {"x1", 0.0449},
                                         {"x2", -0.3563}}),
                          0, 1)
                .measures.find("value");
  };
  EXPECT_NEAR(at("camel", "camel"), *two->optimum(), 1e-5);
  EXPECT_GT(at("camel", "beale"), *two->optimum() + 0.01);
  // Discretised BBOB functions: for one of each arity the optimum is on the grid.
  const auto sphere = make_function("mixint_f1", 5);
  const auto place = bbob::make_instance(1, 5, 1).place;
  double best = 1e9;
  for (std::int64_t a = 0; a < 2; ++a)
    for (std::int64_t b = 0; b < 4; ++b)
      for (std::int64_t c = 0; c < 8; ++c)
        for (std::int64_t d = 0; d < 16; ++d)
          best = std::min(
              best,
              *sphere
                   ->evaluate(space::Config({{"x1", a}, {"x2", b}, {"x3", c}, {"x4", d}, {"x5", place[4]}}),
                              0, 1)
                   .measures.find("value"));
  EXPECT_NEAR(best, *sphere->optimum(), 1e-9);
}

TEST(Functions, ConditionalOnesReachTheirOptimum) {
  using Entries = std::vector<space::Config::Entry>;
  constexpr std::int64_t none = 0, one = 1, two = 2, three = 3;
  const std::map<std::string, Entries> places{
      {"jenatton", {{"x1", none}, {"x2", none}, {"x4", 0.0}, {"r8", 0.0}}},
      {"variable_goldstein",
       {{"x1", 100.0},
        {"x2", 100.0},
        {"x3", 100.0},
        {"x4", 100.0},
        {"x5", 50.0},
        {"z3", none},
        {"z4", none},
        {"w1", three},
        {"w2", one}}},
      {"variable_rosenbrock",
       {{"x1", 0.5},
        {"x2", 0.5008489},
        {"x5", 0.5},
        {"x6", 0.5},
        {"z1", none},
        {"z2", one},
        {"z3", two},
        {"w1", none},
        {"w2", one}}},
      {"zaefferer_a", {{"x1", 0.1}}},
      {"zaefferer_d", {{"x1", 0.9}, {"x2", 0.5}}},
      {"zaefferer_e", {{"x1", 0.4}}},
      {"learners",
       {{"learner", std::string("network")},
        {"scaled", true},
        {"rate", std::pow(10.0, -2.6)},
        {"layers", three},
        {"units1", std::int64_t{128}},
        {"units2", std::int64_t{64}},
        {"units3", std::int64_t{32}},
        {"dropout", 0.2}}},
      {"layers",
       {{"depth", std::int64_t{5}},
        {"width1", std::int64_t{256}},
        {"width2", std::int64_t{181}},
        {"width3", std::int64_t{128}},
        {"width4", std::int64_t{91}},
        {"width5", std::int64_t{64}},
        {"activation1", std::string("relu")},
        {"activation2", std::string("tanh")},
        {"activation3", std::string("gelu")},
        {"activation4", std::string("relu")},
        {"activation5", std::string("tanh")}}}};
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite != "conditional") continue;
    ASSERT_TRUE(places.contains(info.name)) << info.name;
    const auto benchmark = make_function(info.name);
    // Canonical: what is not active must not be needed.
    const auto config = benchmark->space().canonical(space::Config(places.at(info.name)));
    EXPECT_EQ(config.entries().size(), places.at(info.name).size()) << info.name;
    const auto measures = benchmark->evaluate(config, 0, 1).measures;
    EXPECT_NEAR(*measures.find("value"), *benchmark->optimum(), 1e-5) << info.name;
    for (const auto& limit : benchmark->limits()) EXPECT_TRUE(limit.violation(measures).empty()) << info.name;
    // From there, some parameters to other values: nothing better.
    for (std::uint64_t i = 0; i < 2000; ++i) {
      Rng rng(13, "test", i);
      auto point = benchmark->space().encode(config);
      const auto other = benchmark->space().encode(benchmark->space().sample(rng));
      for (std::size_t d = 0; d < point.size(); ++d)
        if (std::isnan(point[d]) || rng.uniform() < 0.3) point[d] = std::isnan(other[d]) ? 0.0 : other[d];
      const auto moved = benchmark->evaluate(benchmark->space().decode(point), 0, 1).measures;
      bool within = true;
      for (const auto& limit : benchmark->limits()) within = within && limit.violation(moved).empty();
      if (!within) continue;
      EXPECT_GE(*moved.find("value"), *benchmark->optimum() - 1e-5) << info.name;
    }
  }
}

TEST(Functions, EveryPartOfAVariableFunctionHasItsValues) {
  // Worked out on their own from the published tables: of each part the value and the limits.
  const auto at = [](const char* name, std::map<std::string, Value> values) {
    const auto benchmark = make_function(name);
    std::vector<space::Config::Entry> entries(values.begin(), values.end());
    const auto config = benchmark->space().canonical(space::Config(std::move(entries)));
    const auto measures = benchmark->evaluate(config, 0, 1).measures;
    std::vector<double> row{*measures.find("value")};
    for (const auto& limit : benchmark->limits()) row.push_back(*measures.find(limit.name));
    return row;
  };
  constexpr double goldstein[4][2] = {{44.766405240522005, -2839.0},
                                      {55.609042780521996, -2819.75},
                                      {44.07452254052201, -2771.51},
                                      {57.42107858052199, -2944.0}};
  for (std::int64_t w1 = 0; w1 < 4; ++w1)
    for (std::int64_t w2 = 0; w2 < 2; ++w2) {
      const auto row = at("variable_goldstein", {{"x1", 10.0},
                                                 {"x2", 90.0},
                                                 {"x3", 30.0},
                                                 {"x4", 60.0},
                                                 {"x5", 25.0},
                                                 {"z1", std::int64_t{2}},
                                                 {"z2", std::int64_t{1}},
                                                 {"z3", std::int64_t{1}},
                                                 {"z4", std::int64_t{2}},
                                                 {"w1", w1},
                                                 {"w2", w2}});
      EXPECT_NEAR(row[0], goldstein[w1][0] - (w2 == 1 ? 2.0 : 0.0), 1e-9) << w1 << w2;
      EXPECT_NEAR(row[1], goldstein[w1][1], 1e-9) << w1 << w2;
    }
  // By w1, w2 and z2.
  constexpr double rosenbrock[8][3] = {{231.836, -3.658, 0.0},      {188.51, -3.658, 0.0},
                                       {67.32225, -4.683125, -1.3}, {54.72225, -4.683125, -1.3},
                                       {552.217, -5.161, 0.0},      {409.873, -5.161, 0.0},
                                       {298.784, -6.188125, 0.0},   {215.051, -6.188125, 0.0}};
  for (std::int64_t part = 0; part < 8; ++part) {
    std::map<std::string, Value> values{{"z1", std::int64_t{1}},
                                        {"z2", part % 2},
                                        {"z3", std::int64_t{2}},
                                        {"w1", part / 4},
                                        {"w2", (part / 2) % 2}};
    const double x[8] = {0.1, 0.4, -0.3, 0.9, 0.25, 1.1, -0.6, 0.2};
    for (int i = 0; i < 8; ++i) values["x" + std::to_string(i + 1)] = x[i];
    const auto row = at("variable_rosenbrock", values);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(row[k], rosenbrock[part][k], 1e-9) << part << " " << k;
  }
}

TEST(Functions, FrontsAreNotDominatedByAnyConfig) {
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite != "several") continue;
    const auto benchmark = make_function(info.name, 6);
    const auto front = benchmark->front();
    ASSERT_GT(front.size(), 100u) << info.name;
    for (std::uint64_t i = 0; i < 200; ++i) {
      Rng rng(5, "test", i);
      const auto point = study::oriented(benchmark->objectives(),
                                         benchmark->evaluate(benchmark->space().sample(rng), 0, 1).measures);
      ASSERT_TRUE(std::isfinite(point[0]) && std::isfinite(point[1])) << info.name;
      for (std::size_t k = 0; k < front.size(); k += 37) {
        const bool clearly = point[0] < front[k][0] - 1e-6 && point[1] < front[k][1] - 1e-6;
        EXPECT_FALSE(clearly) << info.name;
      }
    }
  }
}

TEST(Functions, FrontsAreReached) {
  // Where the distance parameters are known, a config on the front gives a point of it.
  const auto on_front = [](const std::string& name, const std::vector<double>& x) {
    const auto benchmark = make_function(name, static_cast<std::int64_t>(x.size()));
    std::vector<space::Config::Entry> entries;
    for (std::size_t i = 0; i < x.size(); ++i)
      entries.emplace_back(benchmark->space().parameter(i).name, x[i]);
    const auto point = study::oriented(benchmark->objectives(),
                                       benchmark->evaluate(space::Config(std::move(entries)), 0, 1).measures);
    double least = 1e9;
    for (const auto& member : benchmark->front())
      least = std::min(least, std::hypot(member[0] - point[0], member[1] - point[1]));
    EXPECT_LT(least, 1e-3) << name << " " << point[0] << " " << point[1];
  };
  for (const char* name : {"zdt1", "zdt2", "zdt4"}) on_front(name, {0.37, 0.0, 0.0, 0.0});
  on_front("zdt3", {0.05, 0.0, 0.0, 0.0});
  on_front("zdt6", {0.4, 0.0, 0.0, 0.0});
  for (const char* name : {"dtlz1", "dtlz2", "dtlz3", "dtlz5"}) on_front(name, {0.37, 0.5, 0.5, 0.5});
  on_front("dtlz4", {0.99, 0.5, 0.5, 0.5});
  on_front("dtlz6", {0.37, 0.0, 0.0, 0.0});
  on_front("dtlz7", {0.1, 0.0, 0.0, 0.0});
  // WFG: the distance parameters i at 0.35 of their range 2 i.
  const std::vector<double> optimal{0.8, 1.2, 0.35 * 6, 0.35 * 8, 0.35 * 10, 0.35 * 12};
  for (const char* name : {"wfg1", "wfg3", "wfg4", "wfg5", "wfg6", "wfg7"}) on_front(name, optimal);
  on_front("wfg2", {0.0, 0.0, optimal[2], optimal[3], optimal[4], optimal[5]});
  // WFG8: where they are depends on the mean of the parameters before.
  std::vector<double> x{0.8, 1.2};
  double sum = 0.8 / 2.0 + 1.2 / 4.0;
  for (std::size_t i = 2; i < 6; ++i) {
    const double u = sum / static_cast<double>(i), a = 0.98 / 49.98;
    const double power = 0.02 + 49.98 * (a - (1.0 - 2.0 * u) * std::abs(std::floor(0.5 - u) + a));
    const double y = std::pow(0.35, 1.0 / power);
    x.push_back(y * 2.0 * static_cast<double>(i + 1));
    sum += y;
  }
  on_front("wfg8", x);
}

TEST(Functions, LowFidelityIsCheaperAndNear) {
  for (const FunctionInfo& info : test_functions()) {
    if (info.suite != "fidelity") continue;
    const auto benchmark = make_function(info.name);
    Rng rng(1, "test");
    const auto config = benchmark->space().sample(rng);
    const auto low = benchmark->evaluate(config, 0, 10), high = benchmark->evaluate(config, 0, 100);
    EXPECT_LT(low.cost_s, high.cost_s) << info.name;
    EXPECT_NE(*low.measures.find("value"), *high.measures.find("value")) << info.name;
    EXPECT_THROW(benchmark->evaluate(config, 0, 101), Error);
  }
}

TEST(FunctionTask, BringsItsSpace) {
  const auto parse = [](const std::string& task, const std::string& more = "") {
    return run::StudyFile::parse("[study]\nminimize = [\"value\"]\n[task]\nkind = \"function\"\n" + task +
                                     "\n" + more + "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n",
                                 "s.toml");
  };
  EXPECT_EQ(parse("function = \"bbob_f8\"\ndimension = 12").space.size(), 12u);
  EXPECT_EQ(parse("function = \"func3c\"").space.size(), 5u);
  EXPECT_EQ(parse("function = \"learners\"").space.size(), 18u);
  const std::string tree = R"(
[space]
x1 = { choice = [0, 1] }
x2 = { choice = [0, 1], when = "x1 == 0" }
x3 = { choice = [0, 1], when = "x1 == 1" }
x4 = { real = [0, 1], when = "x2 == 0" }
x5 = { real = [-1, 1], when = "x2 == 1" }
x6 = { real = [-1, 1], when = "x3 == 0" }
x7 = { real = [-1, 1], when = "x3 == 1" }
r8 = { real = [0, 1], when = "x1 == 0" }
)";
  EXPECT_EQ(parse("function = \"jenatton\"", tree + "r9 = { real = [0, 1], when = \"x1 == 1\" }\n")
                .space.parameter(3)
                .low,
            0.0);
  EXPECT_THROW(parse("function = \"jenatton\"", tree + "r9 = { real = [0, 1] }\n"), Error);
  EXPECT_EQ(parse("function = \"ackley\"",
                  "[space]\nx1 = { real = [-1, 1] }\nx2 = { real = [0, 1] }\nx3 = { real "
                  "= [0, 1] }\nx4 = { real = [0, 1] }\nx5 = { real = [0, 1] }\n")
                .space.parameter(0)
                .low,
            -1.0);
  EXPECT_THROW(parse("function = \"bbob_f25\""), Error);
  EXPECT_THROW(parse("function = \"branin\"\ndimension = 3"), Error);
  EXPECT_THROW(parse("function = \"ackley\"", "[space]\nx1 = { real = [-1, 1] }\n"), Error);
  EXPECT_THROW(parse("function = \"hartmann3\"",
                     "[space]\nx1 = { real = [0, 2] }\nx2 = { real = [0, 1] }\nx3 = { "
                     "real = [0, 1] }\n"),
               Error);
}

TEST(FunctionTask, AnySpaceWillDoWhereItDid) {
  const auto file = run::StudyFile::parse(
      "[study]\nminimize = [\"value\"]\n[task]\nkind = \"function\"\nfunction = \"branin\"\n[space]\na = { "
      "real = [0, "
      "1] }\nb = { real = [0, 1] }\n[search]\nscheduler = { kind = \"fixed\", steps = 10 }\n",
      "s.toml");
  const auto evaluator =
      methods().maker<MakeEvaluator>("evaluator", "function")(file.task, file.task_options, "");
  class Silent final : public Reporter {
    Verdict report(std::int64_t, const study::Measures&) override { return Verdict::go_on; }
    bool interrupted() override { return false; }
  } silent;
  Assignment assignment;
  assignment.trial.config = space::Config({{"a", (std::acos(-1.0) + 5.0) / 15.0}, {"b", 2.275 / 15.0}});
  assignment.to = assignment.horizon = 10;
  EXPECT_NEAR(*evaluator->run(assignment, silent).measures.find("value"), 0.397887, 1e-6);
  assignment.to = 5;
  EXPECT_GT(*evaluator->run(assignment, silent).measures.find("value"), 0.4);
}

}  // namespace
}  // namespace hone::task
