#include "hone/cost/simple_machine.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/predict/score.h"

namespace hone::cost::mlir {
namespace {

constexpr double kUnderWay = 250.0;             // instructions
constexpr double kControl = 2.0;                // instructions of an iteration that count and jump
constexpr double kMistaken = 10.0;              // cycles of a jump, on the mean of all that may be mistaken
constexpr double kRates[] = {32.0, 20.0, 8.0};  // bytes a cycle from beyond each cache
constexpr double kTiny = 1e-3;

/// Errors of logarithms count squared up to about so much and absolutely beyond; figures that are away from
/// what they are without measurements by e count as so many functions that are off by as much.
constexpr double kWide = 0.25, kPrior = 0.2;
constexpr double kLeastFigure = 1e-4, kMostFigure = 100.0;
constexpr int kRounds = 40;
constexpr double kEnough = 1e-4;  // of the loss, by which a step makes it less

}  // namespace

Ports Ports::times(double count) const {
  Ports all = *this;
  for (double* part : {&all.real, &all.beside_real, &all.wide_integer, &all.integer, &all.products,
                       &all.loads, &all.beside_loads, &all.stores, &all.beside_stores, &all.quotients,
                       &all.functions, &all.whole_quotients, &all.others, &all.instructions})
    *part *= count;
  return all;
}

SimpleMachine::SimpleMachine() {
  figures_.fill(1.0);
  figures_[kUnfixed] = 0.1;
  figures_[kMoves] = 0.1;
}

double SimpleMachine::cycles(const Ports& ports) const {
  const auto& f = figures_;
  const double real = ports.real + ports.beside_real;
  const double parts[] = {std::max({f[kReals] * real / 2.0, f[kShared] * (real + ports.wide_integer) / 3.0,
                                    f[kShared] * (real + ports.integer) / 4.0}),
                          std::max(f[kProducts] * ports.products / 2.0, f[kIntegers] * ports.integer / 3.0),
                          f[kLoads] * (ports.loads + ports.beside_loads) / 2.0,
                          f[kStores] * (ports.stores + ports.beside_stores),
                          f[kInstructions] * ports.instructions / 6.0,
                          f[kQuotients] * ports.quotients};
  double squares = 0.0;
  for (const double part : parts) squares += part * part;
  return std::sqrt(squares) + f[kFunctions] * ports.functions + f[kWholeQuotients] * ports.whole_quotients +
         f[kOthers] * ports.others;
}

double SimpleMachine::cycles(const Way& way) const {
  double sum = 0.0;
  for (std::size_t k = 0; k < kLinkKinds; ++k) sum += figures_[kLinks + k] * way.links[k];
  return sum;
}

double SimpleMachine::busy(const LoopDemand& loop) const {
  const auto& f = figures_;
  // What waits for itself alone runs beside what comes next, as far as that is under way already.
  const auto shown = [&](double length) { return length / (length + f[kWindow] * kUnderWay); };
  const double chain = cycles(loop.chain) * (loop.length > 0.0 ? shown(loop.length) : 1.0);
  const double path = f[kPath] * cycles(loop.path), control = 0.25 * f[kIteration];
  const auto one = [&](const Ports& ports) {
    return std::hypot(cycles(ports), path * shown(ports.instructions + kControl)) + control;
  };
  double entry = f[kEntry] * loop.entry * (loop.outside ? f[kOutside] : 1.0);
  if (!loop.fixed) entry += f[kUnfixed] * kMistaken;
  if (loop.blocks > 0.0)
    entry += loop.blocks * std::max({0.5, chain * loop.waiting_in_block, one(loop.block)});
  if (loop.halves > 0.0) entry += loop.halves * (one(loop.half) + control);
  if (loop.rest > 0.0) entry += loop.rest * std::max(chain, one(loop.single));
  return loop.entries * entry;
}

double SimpleMachine::memory(const LoopDemand& loop) const {
  constexpr Figure kInRows[] = {kNear, kMiddle, kFar}, kEach[] = {kNearApart, kMiddleApart, kFarApart};
  double sum = figures_[kWalks] * loop.walks;
  for (std::size_t c = 0; c < loop.bytes.size(); ++c)
    sum += loop.bytes[c] / kRates[c] *
           (figures_[kInRows[c]] * (1.0 - loop.apart) + figures_[kEach[c]] * loop.apart);
  return sum;
}

double SimpleMachine::cycles(const LoopDemand& loop) const {
  const double computes = busy(loop) + figures_[kMoves] * loop.moves,
               fetches = memory(loop) + figures_[kGathers] * loop.gathers;
  return std::max(computes, fetches) + figures_[kHidden] * std::min(computes, fetches);
}

std::array<double, SimpleMachine::kColumns> SimpleMachine::columns(const LoopDemand& loop) const {
  LoopDemand at_once = loop;
  at_once.chain = at_once.path = {.cycles = 0.0};
  const double all = busy(loop);
  return {std::log(all / std::max(kTiny, loop.iterations) + kTiny),
          std::log((memory(loop) + figures_[kGathers] * loop.gathers + kTiny) / (all + kTiny)),
          std::log((all + kTiny) / (busy(at_once) + kTiny))};
}

namespace {

/// Of costs, in logarithms.
std::vector<double> missed(const SimpleMachine& machine, std::span<const SimpleMachine::Function> functions,
                           bool in_cache) {
  std::vector<double> left;
  left.reserve(functions.size());
  for (const SimpleMachine::Function& function : functions) {
    double sum = 0.0;
    for (const LoopDemand& loop : function.loops) sum += in_cache ? machine.busy(loop) : machine.cycles(loop);
    left.push_back(std::log(function.cost) - std::log(std::max(sum, 1e-9)));
  }
  return left;
}

}  // namespace

/// Of what is left when a constant is taken away (pseudo-Huber), and of figures that have moved.
double SimpleMachine::loss(std::span<const double> left, std::span<const Function> functions) const {
  static const SimpleMachine plain;
  double sum = 0.0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double x = left[i] / kWide;
    sum += functions[i].weight * kWide * kWide * (std::sqrt(1.0 + x * x) - 1.0);
  }
  for (std::size_t k = 0; k < kFigures; ++k) {
    const double moved = std::log(figures_[k] / plain.figures_[k]);
    sum += 0.5 * kPrior * moved * moved;
  }
  return sum;
}

SimpleMachine SimpleMachine::fit(std::span<const Function> functions, bool in_cache) {
  constexpr auto kUnknown = static_cast<Eigen::Index>(kFigures);
  constexpr double kStep = 0.02;
  static const SimpleMachine plain;
  SimpleMachine machine;
  if (functions.empty()) return machine;
  std::vector<double> left = missed(machine, functions, in_cache);
  const auto shifted = [](std::vector<double> values, double by) {
    for (double& value : values) value -= by;
    return values;
  };
  double constant = predict::median(left);
  double now = machine.loss(shifted(left, constant), functions), damping = 1.0;
  for (int round = 0; round < kRounds; ++round) {
    // A column a figure, and one for the constant.
    Eigen::MatrixXd slopes(static_cast<Eigen::Index>(left.size()), kUnknown + 1);
    for (Eigen::Index k = 0; k < kUnknown; ++k) {
      SimpleMachine other = machine;
      other.figures_[static_cast<std::size_t>(k)] *= std::exp(kStep);
      const std::vector<double> there = missed(other, functions, in_cache);
      for (std::size_t i = 0; i < left.size(); ++i)
        slopes(static_cast<Eigen::Index>(i), k) = (left[i] - there[i]) / kStep;
    }
    slopes.col(kUnknown).setOnes();
    Eigen::VectorXd weights(slopes.rows()), errors(slopes.rows());
    for (std::size_t i = 0; i < left.size(); ++i) {
      const auto row = static_cast<Eigen::Index>(i);
      errors(row) = left[i] - constant;
      weights(row) = functions[i].weight / std::sqrt(1.0 + errors(row) * errors(row) / (kWide * kWide));
    }
    Eigen::MatrixXd normal = slopes.transpose() * weights.asDiagonal() * slopes;
    Eigen::VectorXd right = slopes.transpose() * weights.cwiseProduct(errors);
    for (Eigen::Index k = 0; k < kUnknown; ++k) {
      const auto at = static_cast<std::size_t>(k);
      normal(k, k) += kPrior;
      right(k) -= kPrior * std::log(machine.figures_[at] / plain.figures_[at]);
    }
    bool better = false, enough = false;
    for (int attempt = 0; attempt < 6 && !better; ++attempt) {
      Eigen::MatrixXd damped = normal;
      damped.diagonal().array() +=
          damping * 0.01 * static_cast<double>(functions.size()) / static_cast<double>(kUnknown);
      const Eigen::VectorXd step = damped.ldlt().solve(right);
      SimpleMachine other = machine;
      for (Eigen::Index k = 0; k < kUnknown; ++k) {
        double& figure = other.figures_[static_cast<std::size_t>(k)];
        figure = std::clamp(figure * std::exp(std::clamp(step(k), -0.7, 0.7)), kLeastFigure, kMostFigure);
      }
      other.figures_[kHidden] = std::min(other.figures_[kHidden], 1.0);
      std::vector<double> then = missed(other, functions, in_cache);
      const double moved = constant + step(kUnknown), value = other.loss(shifted(then, moved), functions);
      better = value < now;
      damping = better ? std::max(1e-3, 0.3 * damping) : 4.0 * damping;
      if (!better) continue;
      enough = value > now * (1.0 - kEnough);
      machine = other;
      left = std::move(then);
      constant = moved;
      now = value;
    }
    if (!better || enough) break;
  }
  return machine;
}

const std::array<const char*, SimpleMachine::kFigures>& SimpleMachine::names() {
  static constexpr std::array<const char*, kFigures> list = {"reals",
                                                             "shared",
                                                             "integers",
                                                             "products",
                                                             "loads",
                                                             "stores",
                                                             "instructions",
                                                             "quotients",
                                                             "functions",
                                                             "whole_quotients",
                                                             "others",
                                                             "link_sum",
                                                             "link_product",
                                                             "link_extremum",
                                                             "link_choice",
                                                             "link_quotient",
                                                             "link_function",
                                                             "link_whole",
                                                             "link_whole_product",
                                                             "link_load",
                                                             "link_memory",
                                                             "path",
                                                             "window",
                                                             "iteration",
                                                             "entry",
                                                             "unfixed",
                                                             "outside",
                                                             "near",
                                                             "middle",
                                                             "far",
                                                             "near_apart",
                                                             "middle_apart",
                                                             "far_apart",
                                                             "walks",
                                                             "gathers",
                                                             "moves",
                                                             "hidden"};
  return list;
}

Json SimpleMachine::json() const {
  Json object = Json::object();
  for (std::size_t k = 0; k < kFigures; ++k) object[names()[k]] = figures_[k];
  return object;
}

SimpleMachine SimpleMachine::from_json(const Json& json) {
  SimpleMachine machine;
  if (!json.is_object() || json.size() != kFigures) throw Error("a machine of another number of figures");
  for (std::size_t k = 0; k < kFigures; ++k) {
    const auto found = json.find(names()[k]);
    if (found == json.end() || !found->is_number() || !(found->get<double>() > 0.0) ||
        !std::isfinite(found->get<double>()))
      throw Error(fmt::format("a machine's figure '{}' is no positive number", names()[k]));
    machine.figures_[k] = found->get<double>();
  }
  return machine;
}

}  // namespace hone::cost::mlir
