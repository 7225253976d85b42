#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hone/study/front.h"
#include "hone/study/journal.h"

namespace hone::study {

/// A study as this process knows it: the journal applied up to some event, and views kept up incrementally.
/// Reading needs no lease; who writes goes through commit. Not thread safe (the store is).
class Study {
 public:
  /// Writes the first event where the journal is empty; else reads what is there. Throws Error where the
  /// store holds another study (see `difference`).
  static void create(Store& store, const StudyRecord& header);
  /// Whether the store holds a study at all.
  static bool exists(Store& store) { return store.head() > 0; }

  /// Opens the study of a store and reads its header; sync applies the rest. Throws Error where there is
  /// none.
  explicit Study(std::shared_ptr<Store> store);

  /// Views and methods that follow the study are told every change, in order. Add them before the first sync.
  using Listener = std::function<void(const Change&)>;
  void listen(Listener listener);

  /// Applies what is new in the journal. Returns whether anything was.
  bool sync();
  /// Writes records in one transaction, under the given leases, and applies them (and what others wrote
  /// before). false: a needed lease was lost; nothing was written.
  bool commit(const std::vector<Record>& records, Store::Commit leases = {});

  Store& store() const { return *store_; }
  const StudyRecord& header() const { return header_; }
  const std::vector<Objective>& objectives() const { return header_.objectives; }

  const std::deque<Trial>& trials() const { return trials_; }
  const Trial& trial(std::int64_t id) const;  ///< throws Error where there is none
  std::int64_t size() const { return static_cast<std::int64_t>(trials_.size()); }
  /// The first trial with this config key; null: never proposed.
  const Trial* find(Key config_key) const;
  /// Trials that reuse the result of `id`.
  const std::vector<std::int64_t>& followers(std::int64_t id) const;

  std::int64_t count(TrialState state) const { return counts_[static_cast<std::size_t>(state)]; }
  /// Trials that wait to be run (given back or enqueued), oldest first.
  const std::vector<std::int64_t>& waiting() const { return waiting_; }

  /// The Pareto front at the horizon's fidelity, feasible trials only.
  const Front& front() const { return front_; }
  /// Where the hypervolume is measured from: the worst value seen at the horizon in each objective, a tenth
  /// of the range further. Empty until two trials are there.
  std::vector<double> reference() const;

  /// Evaluations that identity saved, and why.
  struct Saved {
    std::int64_t repeated_config = 0;  ///< proposals of a config already known
    std::int64_t same_structure = 0;   ///< trials whose graph and function were known
    std::int64_t same_function = 0;    ///< trials whose function was known under another graph
    std::int64_t over_limit = 0;       ///< trials never trained, outside the limits
    std::int64_t fidelity = 0;         ///< resource units that reused results did not spend
    std::int64_t evaluations() const { return repeated_config + same_structure + same_function; }
  };
  const Saved& saved() const { return saved_; }

  /// Seconds that sessions spent on the study so far; the open one counts up to `now`.
  double elapsed_s(double now) const;
  double first_time_s() const { return first_time_s_; }
  double last_time_s() const { return last_time_s_; }
  std::int64_t sessions() const { return sessions_; }
  const std::string& last_end() const { return last_end_; }  ///< why the last session ended; "" while open

 private:
  void apply(const Record& record, double time_s);
  void add_result(Trial& trial, const Result& result);
  void mirror(const Result& result, const Trial& twin, Trial& follower);
  void set_state(Trial& trial, TrialState state);
  void tell(Change::Kind kind, const Trial& trial, const Result* result = nullptr);
  Trial& at(std::int64_t id);

  std::shared_ptr<Store> store_;
  std::vector<Listener> listeners_;
  std::int64_t applied_ = 0;
  bool has_header_ = false;
  StudyRecord header_;
  std::deque<Trial> trials_;
  std::unordered_map<Key, std::int64_t> by_key_;
  std::map<std::int64_t, std::vector<std::int64_t>> followers_;
  std::array<std::int64_t, kTrialStates> counts_{};
  std::vector<std::int64_t> waiting_;
  Front front_;
  std::vector<double> worst_, best_;
  Saved saved_;
  double closed_s_ = 0.0;   // of sessions before the open one
  double session_s_ = 0.0;  // start of the open one
  bool open_ = false;
  std::int64_t sessions_ = 0;
  std::string last_end_;
  double first_time_s_ = 0.0, last_time_s_ = 0.0;
};

}  // namespace hone::study
