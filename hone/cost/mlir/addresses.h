#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

/// The largest power of two that a whole number is a multiple of; 1 of others, 2^40 at most.
double unit_of(double value);

/// The whole numbers that a function computes for the addresses of its accesses, as LLVM has them when it
/// decides which loops to write out: what is equal once, where the loop stands that moves it. A sum that only
/// one address needs is the address's own (a getelementptr, which counts as nothing); one that several need
/// is an instruction; one whose parts have no bits in common is an `or`, which always is.
class AddressCode {
 public:
  struct Of {
    double moving = 0.0;    ///< instructions of an iteration that have to do with other loops, too
    double own = 0.0;       ///< with the loop's variable alone: constants in a copy of its body
    double products = 0.0;  ///< of both, those that are products and no shifts
    /// Of both, products that could stand further out, were it not for loops that go round once: when those
    /// are gone they do (LICM).
    double handed_on = 0.0;
  };

  /// A product that stands where an access needs it, however far out it could.
  struct Product {
    int loop = -1;       ///< the innermost that moves it
    bool alone = false;  ///< no other loop does
  };

  /// Of these accesses of a nest. With the loops that each loop's body has ended up in it is the code when
  /// loops are vectorised: sums that only one buffer's places need have become part of their addresses, too
  /// (InstCombine makes a getelementptr of each part), and what is equal in copies is there once (GVN).
  AddressCode(const Nest& nest, const std::vector<int>& accesses, const std::vector<int>* homes = nullptr);

  const Of& of(int loop) const { return loops_[static_cast<std::size_t>(loop + 1)]; }
  /// Beside those, in an iteration of a loop. Of an index with a part that has no bits in common with the
  /// rest, LLVM first makes an `or`, then a sum again whose invariant parts it moves out of loops, and then
  /// takes it apart into addresses, of which each product stands where the address does.
  const std::vector<Product>& products(int loop) const {
    return products_[static_cast<std::size_t>(loop + 1)];
  }
  /// Whether an access's place is a constant beyond what is an instruction or another address, which makes a
  /// store cheaper: in a copy of the body of the loop `copied` (-1: as it stands).
  bool constant(int access, int copied) const;
  /// Whether an access's place is a sum.
  bool several_parts(int access) const;

  /// An instruction that adds up the first parts of a place.
  struct Sum {
    int first = -1, last = -1;  ///< the loops that move the first part in it and the last one
    std::uint64_t what = 0;     ///< the same for the same sum
    bool either = false;        ///< an `or`: the parts have no bits in common
  };
  /// Of an access's place in the code when loops are vectorised, those whose parts move with different loops:
  /// of more parts first, then those within an index, last the one with its constant, which LICM makes part
  /// of what does not move.
  std::vector<Sum> sums(int access) const;
  /// The loop, while it is one, in which ScalarEvolution cannot read an access's place; -1: none. Of several
  /// ors one behind the other Reassociate makes others, which do not say any more that their operands have no
  /// bits in common.
  int lost_in(int access) const;
  /// Instructions of a loop, in that code, that are there because of an access, and not because of one before
  /// it.
  double made(int access, int loop) const;

 private:
  /// What a place is the sum of.
  struct Part {
    enum class Kind { variable, loaded, shared };
    Kind kind = Kind::variable;  ///< a loop's, a value that is known when it runs, an index of several places
    int loop = -1;               ///< the innermost that moves it
    bool handed_on = false;      ///< ... or that hands it on and goes round once
    std::uint64_t what = 0;      ///< the same for equal ones
    double factor = 1.0;
    double unit = 1.0;    ///< a power of two that it is a multiple of, before the factor
    double most = -1.0;   ///< its largest value before the factor; below 0: not known
    int first = -1;       ///< shared: the outermost loop in it
    bool either = false;  ///< shared, by copies of one place alone: its constant is or-ed to it
  };
  struct Place {
    std::vector<Part> parts;           ///< outermost first
    std::vector<std::uint64_t> whats;  ///< of the sum of as many of them
    double constant = 0.0;
    std::uint64_t with = 0;  ///< of all and the constant
    /// Of a dimension of several parts, one each: their sum times its stride.
    std::vector<std::pair<Product, std::uint64_t>> products;
  };
  struct Folded {
    bool constant = false;
    bool several = false;  ///< it is the sum of several parts
    int last = -1;         ///< loop whose variable comes in last, where its sum is the address's own
    std::size_t first_sum = 0, sums = 0;  ///< of sums_
    int lost_in = -1;
  };
  class Builder;

  std::vector<Of> loops_;  ///< by loop, shifted by one: outside all loops first
  std::vector<std::vector<Product>> products_;
  std::unordered_map<int, Folded> folded_;
  std::vector<Sum> sums_;
  std::map<std::pair<int, int>, double> made_;  ///< by access and loop
};

}  // namespace hone::cost::mlir
