#include "hone/cost/mlir/dead.h"

#include <unordered_map>
#include <unordered_set>

#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {
namespace {

constexpr int kMostRounds = 8;  // of buffers that feed each other

class Analysis {
 public:
  Analysis(const Module& module, int function) : module_(module), dead_(module.operations.size(), false) {
    const auto first = static_cast<std::size_t>(function);
    const int around = module.operations[first].region;
    end_ = first + 1;
    while (end_ < module.operations.size() && module.operations[end_].region > around) ++end_;
    begin_ = first;
  }

  std::vector<bool> run() {
    for (std::size_t i = begin_; i < end_; ++i) fold(i);
    // What only dead loads read is dead as well, and what that was computed from.
    std::size_t before = 0;
    for (int round = 0; round < kMostRounds; ++round) {
      find_unread();
      used_.clear();
      for (std::size_t i = end_; i-- > begin_;) {
        at_ = i;
        mark(i);
        while (!again_.empty()) {
          const std::size_t made = again_.back();
          again_.pop_back();
          mark(made);
        }
      }
      if (unread_.size() == before) break;
      before = unread_.size();
    }
    return std::move(dead_);
  }

 private:
  const Operation& operation(std::size_t i) const { return module_.operations[i]; }
  int definer(int value) const {
    return value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  }

  /// The value that one is for sure equal to.
  int origin(int value) const {
    const auto found = same_.find(value);
    return found == same_.end() ? value : found->second;
  }
  bool zero(int value) const {
    const Type::Scalar scalar = module_.type_of(value).scalar;
    return zeros_.count(value) > 0 ||
           ((scalar == Type::Scalar::integer || scalar == Type::Scalar::index) && module_.zero(value));
  }

  /// Whole numbers alone: a real times zero may be NaN.
  void fold(std::size_t i) {
    const Operation& one = operation(i);
    if (one.results.size() != 1 || one.operands.size() != 2) return;
    // The greater or less of one value and itself.
    static const std::unordered_set<std::string_view> kChoices = {
        "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf", "arith.maxsi",
        "arith.minsi",    "arith.maxui",    "arith.minui",   "arith.andi",    "arith.ori"};
    const std::string_view name = plain_name(one.name);
    if (origin(one.operands[0]) == origin(one.operands[1]) && kChoices.contains(name)) {
      same_[one.results[0]] = origin(one.operands[0]);
      return;
    }
    const bool left = zero(one.operands[0]), right = zero(one.operands[1]);
    const bool becomes_zero =
        ((name == "arith.muli" || name == "arith.andi") && (left || right)) ||
        ((name == "arith.addi" || name == "arith.ori" || name == "arith.xori") && left && right) ||
        (name == "arith.subi" && (one.operands[0] == one.operands[1] || (left && right))) ||
        (name == "arith.xori" && one.operands[0] == one.operands[1]);
    if (becomes_zero) {
      zeros_.insert(one.results[0]);
      return;
    }
    const bool sum = name == "arith.addi" || name == "arith.ori" || name == "arith.xori";
    if (right && (sum || name == "arith.subi")) same_[one.results[0]] = origin(one.operands[0]);
    if (left && sum) same_[one.results[0]] = origin(one.operands[1]);
    if (const int value = cancelled(one); value >= 0) same_[one.results[0]] = value;
  }

  /// Of sums and differences, modulo 2^bits: (a + b) - b, a - (a - b), (a - b) + b; -1: of no such.
  int cancelled(const Operation& one) const {
    const std::string_view name = plain_name(one.name);
    const bool difference = name == "arith.subi";
    if (!difference && name != "arith.addi") return -1;
    const int a = origin(one.operands[0]), b = origin(one.operands[1]);
    const auto parts = [&](int value, std::string_view sought) -> const Operation* {
      const int made = definer(value);
      if (made < static_cast<int>(begin_)) return nullptr;
      const Operation& from = operation(static_cast<std::size_t>(made));
      return plain_name(from.name) == sought && from.operands.size() == 2 ? &from : nullptr;
    };
    const auto part = [&](const Operation& from, std::size_t k) { return origin(from.operands[k]); };
    if (const Operation* from = parts(a, difference ? "arith.addi" : "arith.subi")) {
      if (part(*from, 1) == b) return part(*from, 0);
      if (difference && part(*from, 0) == b) return part(*from, 1);
    }
    if (const Operation* from = parts(b, "arith.subi")) {
      if (difference && part(*from, 0) == a) return part(*from, 1);
      if (!difference && part(*from, 1) == a) return part(*from, 0);
    }
    return -1;
  }

  /// Buffers made here that are only written, as far as is known what is dead.
  void find_unread() {
    for (std::size_t i = begin_; i < end_; ++i) {
      const Operation& one = operation(i);
      if (one.name == "memref.alloc" || one.name == "memref.alloca")
        for (const int result : one.results) unread_.insert(result);
      if (dead_[i]) continue;
      const bool writes = work_of(one.name) == Work::store;
      for (std::size_t k = 0; k < one.operands.size(); ++k) {
        const bool target = writes && k == 1;
        if (!target && one.name != "memref.dealloc") unread_.erase(one.operands[k]);
      }
    }
  }

  bool same_place(const Operation& load, const Operation& store) const {
    if (load.operands.empty() || store.operands.size() < 2 || load.operands[0] != store.operands[1] ||
        load.region != store.region)
      return false;
    std::vector<int> a(load.operands.begin() + 1, load.operands.end());
    const std::vector<int> b(store.operands.begin() + 2, store.operands.end());
    if (load.name == "vector.transfer_read" && a.size() == b.size() + 1)
      a.pop_back();  // what stands for elements outside

    if (a != b || (load.map < 0) != (store.map < 0)) return false;
    if (load.map < 0) return true;
    const AffineMap &x = module_.maps[static_cast<std::size_t>(load.map)],
                    &y = module_.maps[static_cast<std::size_t>(store.map)];
    if (x.results.size() != y.results.size()) return false;
    for (std::size_t r = 0; r < x.results.size(); ++r) {
      const Linear p = linear(x, r), q = linear(y, r);
      if (!p.exact || !q.exact || p.constant != q.constant || p.factors != q.factors) return false;
    }
    return true;
  }

  void mark(std::size_t i) {
    const Operation& one = operation(i);
    const Work work = work_of(one.name);
    bool needed = true;
    if (one.regions.empty() && one.results.size() == 1) {
      const std::string_view plain = plain_name(one.name);
      const bool pure = plain.starts_with("arith.") || plain.starts_with("math.") || work == Work::load ||
                        work == Work::none || one.name == "affine.apply" || one.name == "llvm.getelementptr";
      if (pure)
        needed = used_.count(one.results[0]) > 0 && zeros_.count(one.results[0]) == 0 &&
                 same_.count(one.results[0]) == 0;
    } else if (work == Work::store && one.operands.size() >= 2 && one.regions.empty()) {
      needed = unread_.count(one.operands[1]) == 0;
      const int source = definer(origin(one.operands[0]));
      if (needed && source >= static_cast<int>(begin_) &&
          work_of(operation(static_cast<std::size_t>(source)).name) == Work::load &&
          same_place(operation(static_cast<std::size_t>(source)), one))
        needed = false;
    }
    dead_[i] = !needed;
    if (!needed) return;
    for (const int operand : one.operands) {
      if (zeros_.count(operand) > 0 || !used_.insert(origin(operand)).second) continue;
      // Blocks may be written before those that compute what they use.
      const int made = definer(origin(operand));
      if (made > static_cast<int>(at_) && made < static_cast<int>(end_) &&
          dead_[static_cast<std::size_t>(made)])
        again_.push_back(static_cast<std::size_t>(made));
    }
  }

  const Module& module_;
  std::vector<bool> dead_;
  std::size_t begin_ = 0, end_ = 0, at_ = 0;  ///< `at_`: all from there on have been looked at
  std::vector<std::size_t> again_;            ///< operations passed as dead that turned out to be used
  std::unordered_set<int> zeros_, used_, unread_;
  std::unordered_map<int, int> same_;
};

}  // namespace

std::vector<bool> dead_operations(const Module& module, int function) {
  return Analysis(module, function).run();
}

}  // namespace hone::cost::mlir
