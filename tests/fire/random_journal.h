#pragma once

#include <random>
#include <string>
#include <vector>

#include "hone/study/study.h"

namespace hone::test {

/// Writes a valid journal, a step at a time, of everything that a journal may say: several rungs, claims,
/// twins, replicates, revised limits, failures, retries, deletions, late results, kinds unknown.
class RandomJournal {
 public:
  RandomJournal(std::shared_ptr<study::Store> store, std::uint64_t seed);
  void step();
  study::Study& writer() { return *study_; }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  std::int64_t pick(study::TrialState state);
  double value();
  study::Measures measures();
  std::vector<study::Limit> limits();
  void commit(std::vector<study::Record> records);
  void propose();
  void finish(std::int64_t id);

  std::mt19937_64 random_;
  std::shared_ptr<study::Store> store_;
  std::unique_ptr<study::Study> study_;
};

/// Everything that can be seen of a study, as text: two studies of one journal must give the same.
std::string everything(const study::Study& study);
/// All events of a store, as text, one each.
std::vector<std::string> journal_lines(study::Store& store);

}  // namespace hone::test
