#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <utility>

namespace hone::schedule {

/// Whether judging at a rung pays: measured on trials that were not judged there and went on to the next rung
/// all the same (probes), so that what is measured is not of the survivors alone.
///
/// Of the probes that are the best 1/eta at the next rung, `recall` is the share that is so here as well: 1
/// where this rung sees all that the next one sees, 1/eta where it sees nothing. Without judging, a trial
/// costs the fidelity of the next rung; with it this rung's and 1/eta of the way to the next, and the share
/// recall of the good ones is kept. It pays where more good ones come of the same cost: recall * next > here
/// + (next - here) / eta. A rung is trusted until the probes say otherwise (as if of 3 good ones 2 had been
/// found, by default), and the latest kKept count, so that it may be trusted again. Not thread safe.
class RungTrust {
 public:
  /// `believed`: the share of good ones that is found here, as if of 3 before anything is measured.
  RungTrust(std::int64_t here, std::int64_t next, std::int64_t eta, double believed = 2.0 / 3.0)
      : here_(here), next_(next), eta_(eta), believed_(believed) {}

  /// A trial's first report at the rung. True: it is not to be judged here. Every kEvery-th is none at first,
  /// after kEnough probes every kRarely-th.
  bool arrives(std::int64_t trial, double value);
  /// A trial's report at the rung, which does not judge it: a probe. NaN: it is none.
  void passes(std::int64_t trial, double value);
  /// One in so many trials should be a probe at present, `enough` being those after which few do.
  std::int64_t every(std::int64_t enough = kEnough) const { return probes_ < enough ? kEvery : kRarely; }
  /// The same trial at the next rung. NaN: the worst.
  void goes_on(std::int64_t trial, double value);
  bool is_probe(std::int64_t trial) const { return waiting_.contains({trial, 0.0}); }
  void forget(std::int64_t trial) { waiting_.erase({trial, 0.0}); }
  bool trusted() const { return trusted_; }

 private:
  static constexpr std::int64_t kEvery = 4, kEnough = 12, kRarely = 27;
  static constexpr std::size_t kKept = 60;

  struct ByTrial {
    bool operator()(const std::pair<std::int64_t, double>& a,
                    const std::pair<std::int64_t, double>& b) const {
      return a.first < b.first;
    }
  };

  void measure();

  std::int64_t here_, next_, eta_;
  double believed_;
  std::int64_t arrived_ = 0, probes_ = 0;
  bool trusted_ = true;
  std::set<std::pair<std::int64_t, double>, ByTrial> waiting_;  // probes, with their values here
  std::deque<std::pair<double, double>> pairs_;                 // values here and at the next rung
};

}  // namespace hone::schedule
