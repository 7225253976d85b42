#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "hone/search/losses.h"
#include "hone/search/moves.h"

namespace hone::search {

/// The results that a surrogate model is fitted to, as filled points and losses, by fidelity. The model is of
/// the highest fidelity with `enough` of them, else of that with most (the higher of equals). At most `most`
/// are kept of each: beyond, of two random ones the worse makes room. A fit is due after n / 50 new rows, at
/// least 1 and at most 8, and when one was changed, taken away, or the fidelity changed; until then newer
/// rows stand behind the fitted ones. A pure function of the changes. Not thread safe.
class Observations {
 public:
  struct Row {
    std::int64_t trial;
    space::Point point;
    std::vector<double> losses;
  };
  Observations(const Problem& problem, const Moves& moves, std::size_t enough, std::size_t most);

  void update(const study::Change& change);

  /// Rows of the model's fidelity. The first fitted() are those of the last due fit.
  const std::vector<Row>& rows() const;
  std::size_t fitted() const { return model_ == nullptr ? 0 : model_->fitted; }
  /// Changes with every fit that is due.
  std::uint64_t generation() const { return generation_; }
  /// Trials that gave nothing: failed, infeasible (also by breaks_limits), pruned, not finite; the last 500
  /// at a due fit. The first lost_fitted() are those of the last due fit.
  const std::vector<Row>& lost() const { return lost_; }
  std::size_t lost_fitted() const { return lost_fitted_; }
  /// Trials without a result at the model's fidelity that run or wait, by id.
  std::vector<const space::Point*> running() const;

 private:
  struct Level {
    std::vector<Row> rows;
    std::unordered_map<std::int64_t, std::ptrdiff_t> slots;  // by trial; -1: made room
    std::size_t fitted = 0;
  };
  static constexpr std::size_t kMostLost = 500, kMostNew = 8;

  void put(Level& level, const study::Trial& trial, std::vector<double> losses);
  void remove(Level& level, std::size_t slot);
  void take_away(std::int64_t trial);
  void lose(const study::Trial& trial);
  void find_again(std::int64_t trial);
  void choose();
  void due(Level& level);
  space::Point point_of(const study::Trial& trial) const;

  Problem problem_;
  const Moves& moves_;
  std::size_t enough_, most_;
  std::map<std::int64_t, Level> levels_;
  Level* model_ = nullptr;
  Scalar scalar_;
  std::vector<Row> lost_;
  std::size_t lost_fitted_ = 0;
  std::map<std::int64_t, space::Point> running_;
  std::uint64_t generation_ = 0, thinned_ = 0;
};

}  // namespace hone::search
