#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/study/levels.h"

namespace hone::search {

/// The best of the results told, as the tree-structured Parzen estimator wants them: of n results the first
/// min(ceil(gamma n), 25). One objective: by value, all of weight 1. Several (Ozaki et al., "Multiobjective
/// Tree-Structured Parzen Estimator", JAIR 2022): by non-dominated rank; of the rank that does not fit the
/// subset that greedily dominates most; weighted by hypervolume contribution. Equal values: the smaller id.
/// What is behind the first 250 by rank is forgotten (several objectives), so that a report stays cheap.
/// What breaks limits comes after all that keeps them, the less the better, but counts in n, as in Optuna's
/// estimator (not c-TPE, which has densities for each limit). Results must be finite. Not
/// thread safe.
class GoodSet {
 public:
  struct Member {
    std::int64_t id = 0;
    double weight = 1.0;  ///< the mean of all is 1
  };
  static constexpr std::size_t kMost = 25;

  explicit GoodSet(double gamma) : gamma_(gamma) {}

  /// A result, oriented; a second one of the same id replaces the first.
  void report(std::int64_t id, std::vector<double> values);
  /// A result that breaks limits, by how much in all: finite, above 0.
  void report_broken(std::int64_t id, double excess);
  bool is_broken(std::int64_t id) const { return excess_.contains(id); }
  void remove(std::int64_t id);
  /// Results that count.
  std::size_t size() const { return values_.size() + excess_.size(); }

  /// Sorted by id. Computed again only where results came that can change it.
  const std::vector<Member>& members();

 private:
  static constexpr std::size_t kKept = 250;

  void choose_by_value(std::size_t count);
  void choose_by_rank(std::size_t count);

  double gamma_;
  std::unordered_map<std::int64_t, std::vector<double>> values_;
  std::set<std::pair<double, std::int64_t>> order_;  // one objective
  study::Levels levels_{kKept};                      // several
  std::unordered_map<std::int64_t, double> excess_;
  std::set<std::pair<double, std::int64_t>> broken_;  // by excess
  std::vector<std::int64_t> considered_;              // ids that kept_ was chosen from, sorted
  std::vector<Member> kept_;                          // those of members_ that break no limit
  std::vector<Member> members_;
  bool changed_ = false;
};

}  // namespace hone::search
