#include "hone/cost/simple_machine.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost::mlir {
namespace {

using Machine = SimpleMachine;

Machine::Figure of(Link link) {
  return static_cast<Machine::Figure>(Machine::kLinks + static_cast<std::size_t>(link));
}

Machine with(std::initializer_list<std::pair<Machine::Figure, double>> figures) {
  Json list = Machine().json();
  for (const auto& [figure, value] : figures) list[Machine::names()[figure]] = value;
  return Machine::from_json(list);
}

/// Loops of all kinds: some compute, some wait, some fetch.
std::vector<std::vector<LoopDemand>> functions(int count, std::uint64_t seed) {
  Rng rng(seed, "loops");
  std::vector<std::vector<LoopDemand>> list;
  for (int i = 0; i < count; ++i) {
    LoopDemand loop;
    loop.entries = 1.0 + std::floor(100.0 * rng.uniform());
    loop.rest = 1.0 + std::floor(200.0 * rng.uniform());
    loop.iterations = loop.entries * loop.rest;
    loop.entry = 4.0;
    loop.single.real = std::floor(8.0 * rng.uniform());
    loop.single.integer = std::floor(6.0 * rng.uniform());
    loop.single.loads = 1.0 + std::floor(4.0 * rng.uniform());
    loop.single.stores = std::floor(2.0 * rng.uniform());
    loop.single.instructions =
        loop.single.real + loop.single.integer + loop.single.loads + loop.single.stores;
    if (i % 3 == 0) loop.chain.add(Link::sum, i % 2 == 0 ? 8.0 : 4.0);
    if (i % 5 == 0) loop.chain.add(Link::memory, 4.0);
    if (i % 4 == 1) loop.bytes = {64.0 * loop.iterations, 32.0 * loop.iterations, 0.0};
    list.push_back({loop});
  }
  return list;
}

double mean_error(const Machine& machine, const Machine& truth,
                  const std::vector<std::vector<LoopDemand>>& list) {
  std::vector<double> errors;
  double middle = 0.0;
  for (const auto& loops : list) {
    errors.push_back(std::log(machine.cycles(loops[0]) / truth.cycles(loops[0])));
    middle += errors.back() / static_cast<double>(list.size());
  }
  double sum = 0.0;
  for (const double error : errors) sum += std::abs(error - middle);
  return sum / static_cast<double>(list.size());
}

std::vector<Machine::Function> priced(const Machine& truth,
                                      const std::vector<std::vector<LoopDemand>>& list) {
  std::vector<Machine::Function> all;
  for (const auto& loops : list) all.push_back({loops, 1e-9 * truth.cycles(loops[0])});
  return all;
}

TEST(SimpleMachine, IsFoundFromTimes) {
  // Sums take half, what comes through memory three times as long, and the second cache is slow.
  const Machine truth =
      with({{of(Link::sum), 0.5}, {of(Link::memory), 3.0}, {Machine::kNear, 4.0}, {Machine::kReals, 1.5}});
  const auto known = functions(300, 1), unknown = functions(100, 2);
  const Machine fitted = Machine::fit(priced(truth, known), false);
  EXPECT_GT(mean_error(Machine(), truth, unknown), 0.15);
  EXPECT_LT(mean_error(fitted, truth, unknown), 0.03);
}

TEST(SimpleMachine, StaysAsItIsWithoutMeasurements) {
  EXPECT_EQ(Machine::fit({}, false).json(), Machine().json());
  const auto known = functions(300, 1);
  const Machine fitted = Machine::fit(priced(with({{Machine::kReals, 2.0}}), known), false);
  EXPECT_DOUBLE_EQ(fitted.figure(Machine::kQuotients), 1.0) << "none of the functions divides";
  // One function says next to nothing of many figures.
  const auto one = functions(1, 3);
  const Machine of_one = Machine::fit(priced(with({{Machine::kReals, 2.0}}), one), false);
  for (std::size_t k = 0; k < Machine::kFigures; ++k) {
    const auto figure = static_cast<Machine::Figure>(k);
    EXPECT_NEAR(of_one.figure(figure) / Machine().figure(figure), 1.0, 0.2) << k;
  }
}

TEST(SimpleMachine, WhatWaitsForItselfAloneRunsBesideWhatComesNext) {
  LoopDemand loop;
  loop.entries = 1000.0, loop.rest = 16.0, loop.iterations = 16000.0;
  loop.single.real = 3.0, loop.single.instructions = 6.0;
  loop.chain = {.cycles = 0.0};
  loop.chain.add(Link::sum, 16.0);
  const Machine plain;
  EXPECT_GE(plain.busy(loop), 16.0 * 16000.0);
  // A sweep over 16 elements that follows the last at a distance: 2.7 cycles an element measured on a core
  // with 512 instructions under way.
  loop.length = 16.0 * 6.0;
  EXPECT_NEAR(with({{Machine::kWindow, 512.0 / 250.0}}).busy(loop) / 16000.0, 2.7, 0.4);
  loop.length = 1e6;
  EXPECT_GE(plain.busy(loop), 15.9 * 16000.0);
}

TEST(SimpleMachine, IsWrittenAndRead) {
  const Machine machine = with({{Machine::kWindow, 2.5}, {Machine::kHidden, 0.3}});
  EXPECT_EQ(Machine::from_json(Json::parse(machine.json().dump())).json(), machine.json());
  Json list = machine.json();
  list["products"] = -1.0;
  EXPECT_THROW(Machine::from_json(list), Error);
  list["products"] = "many";
  EXPECT_THROW(Machine::from_json(list), Error);
  list.erase("products");
  EXPECT_THROW(Machine::from_json(list), Error);
  list["produce"] = 1.0;
  EXPECT_THROW(Machine::from_json(list), Error);
  EXPECT_THROW(Machine::from_json(Json::object()), Error);
}

}  // namespace
}  // namespace hone::cost::mlir
