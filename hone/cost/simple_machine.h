#pragma once

#include <array>
#include <span>

#include "hone/base/json.h"
#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {

/// What one iteration of a loop, or one block of them in lanes, asks of the parts of a core: instructions,
/// and slots beside them where one takes more.
struct Ports {
  double real = 0.0, beside_real = 0.0;  ///< on reals and vectors; what else goes through their ports
  double wide_integer = 0.0;             ///< on whole numbers in vectors
  double integer = 0.0, products = 0.0;  ///< on whole numbers one by one; slots of products among them
  double loads = 0.0, beside_loads = 0.0;
  double stores = 0.0, beside_stores = 0.0;
  /// Cycles of what keeps its port: quotients and roots, functions of a library, quotients of whole numbers,
  /// calls and stores of switched lanes.
  double quotients = 0.0, functions = 0.0, whole_quotients = 0.0, others = 0.0;
  double instructions = 0.0;

  Ports times(double count) const;
};

/// What a loop that is left, or what stands outside all, asks of a machine.
struct LoopDemand {
  double entries = 1.0;                           ///< how often it is entered
  double iterations = 1.0;                        ///< in all
  Ports block, half, single;                      ///< iterations in lanes, in half as many, one by one
  double blocks = 0.0, halves = 0.0, rest = 0.0;  ///< of each, an entry
  Way path = {.cycles = 0.0};                     ///< the longest through an iteration
  Way chain = {.cycles = 0.0};                    ///< for which an iteration waits for the one before it
  double length = 0.0;            ///< instructions of an entry that waits for no earlier one; 0: it does wait
  double waiting_in_block = 0.0;  ///< iterations of a block that wait for each other nevertheless
  double entry = 0.0;             ///< cycles to enter it
  bool outside = false;           ///< it is no loop
  bool fixed = true;              ///< every entry has as many iterations
  std::array<double, 3> bytes = {};  ///< from beyond each cache, in all
  double apart = 0.0;                ///< part of its accesses that take another line each time
  double walks = 0.0;                ///< cycles in which pages are looked for, in all
  double gathers = 0.0;              ///< cycles of gathers, in all
  double moves = 0.0;                ///< to the stack and back, in all
};

/// A core of today, roughly (Fog, "Instruction tables", 2025): two vectors of reals, two loads and a store a
/// cycle, six instructions at most; what is asked of its parts runs side by side, though never quite: the
/// root of the sum of squares. What depends on each other waits, iterations run beside each other as far as
/// their instructions are under way at once, and data come from beyond each cache at its rate. Processors
/// differ in all of these figures, which measured times tell: each figure multiplies what is said of one
/// part, and fit() finds those under which the whole comes near.
class SimpleMachine {
 public:
  enum Figure : std::size_t {
    kReals,
    kShared,
    kIntegers,
    kProducts,
    kLoads,
    kStores,
    kInstructions,
    kQuotients,
    kFunctions,
    kWholeQuotients,
    kOthers,
    kLinks,                       ///< the first of as many as there are kinds of links
    kPath = kLinks + kLinkKinds,  ///< longest ways, beside chains of the same links
    kWindow,                      ///< instructions under way at once, 250
    kIteration,
    kEntry,
    kUnfixed,  ///< an entry whose number of iterations is not always the same: a jump is mistaken
    kOutside,
    kNear,  ///< bytes from beyond the first cache, ...
    kMiddle,
    kFar,
    kNearApart,  ///< ... of lines of which one element is used
    kMiddleApart,
    kFarApart,
    kWalks,
    kGathers,
    kMoves,
    kHidden,  ///< part that comes on top of what runs beside something longer: memory, or what computes
    kFigures
  };

  SimpleMachine();

  /// Cycles of one iteration or block, all data in the first cache and nothing to wait for.
  double cycles(const Ports& ports) const;
  /// In all, all data in the first cache.
  double busy(const LoopDemand& loop) const;
  /// What comes from beyond the first cache, in all.
  double memory(const LoopDemand& loop) const;
  /// In all.
  double cycles(const LoopDemand& loop) const;

  /// What trees are told of a loop besides (kColumns values): logarithms of cycles an iteration, of memory
  /// beside what computes, and of waiting.
  static constexpr std::size_t kColumns = 3;
  std::array<double, kColumns> columns(const LoopDemand& loop) const;

  struct Function {
    std::span<const LoopDemand> loops;  ///< at least one
    double cost = 0.0, weight = 1.0;    ///< above 0, in any unit
  };
  /// The figures under which the logarithms of the functions' costs are met best but for one constant, by
  /// damped Gauss-Newton steps (Levenberg, "A Method for the Solution of Certain Non-Linear Problems in Least
  /// Squares", 1944) on a loss that is absolute for large errors; figures that the functions say nothing of
  /// stay as they are, few functions move them little. `in_cache`: of costs that know no memory.
  static SimpleMachine fit(std::span<const Function> functions, bool in_cache);

  double figure(Figure figure) const { return figures_[figure]; }
  /// In the order of Figure: "reals", "link_sum", ...
  static const std::array<const char*, kFigures>& names();

  /// An object of all figures by name. Reading throws Error where one is missing or no positive number.
  Json json() const;
  static SimpleMachine from_json(const Json& json);

 private:
  double cycles(const Way& way) const;
  double loss(std::span<const double> left, std::span<const Function> functions) const;

  std::array<double, kFigures> figures_;
};

}  // namespace hone::cost::mlir
