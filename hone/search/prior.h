#pragma once

#include <utility>
#include <vector>

#include "hone/base/document.h"
#include "hone/search/moves.h"
#include "hone/space/space.h"

namespace hone::search {

/// Where the user believes good values lie: independent by parameter; what is not spoken of is uniform. A
/// plain value.
class Prior {
 public:
  /// A number: a normal distribution along the parameter's scale, cut off at its ends. A choice, flag or
  /// ordinal with weights: in proportion to them.
  struct Belief {
    std::size_t parameter = 0;         ///< index in the space
    double at = 0.5;                   ///< its middle, as a Point's entry
    double spread = 0.15;              ///< its standard deviation, as a share of the scale
    std::vector<double> weights = {};  ///< by value; empty: a normal distribution
    bool operator==(const Belief&) const = default;
  };

  Prior() = default;
  explicit Prior(std::vector<Belief> beliefs) : beliefs_(std::move(beliefs)) {}
  /// Reads a table: lr = 0.001, lr = { at = 0.001, spread = 0.1 } (spread: a share of the scale), mixer =
  /// "attention" or { attention = 3, none = 1 } (weights; a value that is left out has 0.1 of the smallest).
  /// A list's or group's members by their full names; a list's name stands for all of its entries. Throws
  /// Error with place.
  static Prior read(const Node& table, const space::Space& space);

  bool empty() const { return beliefs_.empty(); }
  const std::vector<Belief>& beliefs() const { return beliefs_; }
  /// Log of the density relative to the uniform one; inactive parameters (NaN) do not count. Of a normal
  /// distribution without its cut-off mass, of weights exactly.
  double log_density(const space::Point& point) const;
  /// A feasible config with the believed entries drawn from the prior, the rest uniform.
  space::Config draw(const Moves& moves, Rng& rng) const;
  bool operator==(const Prior&) const = default;

 private:
  std::vector<Belief> beliefs_;
};

}  // namespace hone::search
