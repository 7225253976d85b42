#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/study/front.h"
#include "hone/study/journal.h"
#include "hone/study/points.h"
#include "hone/study/sessions.h"
#include "hone/study/spending.h"

namespace hone::study {

/// A study as this process knows it: the journal applied up to some event, and views kept up incrementally.
/// Reading needs no lease; who writes goes through commit. Not thread safe (the store is).
///
/// A study is read whole, or lightly: then it begins with the views that were saved in the store, applies
/// what came since, and reads a trial when it is asked for. Looking at a million trials is as fast as at ten
/// then. What needs all trials (listeners, trials(), find()) wants a whole study. Both tell the same of the
/// same journal.
class Study {
 public:
  enum class Depth { whole, light };

  /// Writes the first event where the journal is empty; else reads what is there. Throws Error where the
  /// store holds another study (see `difference`).
  static void create(Store& store, const StudyRecord& header);
  /// Whether the store holds a study at all.
  static bool exists(Store& store) { return store.head() > 0; }

  /// Opens the study of a store and reads its header; sync applies the rest. Throws Error where there is
  /// none.
  explicit Study(std::shared_ptr<Store> store, Depth depth = Depth::whole);

  /// Views and methods that follow the study are told every change, in order. Add them before the first sync.
  using Listener = std::function<void(const Change&)>;
  void listen(Listener listener);
  /// Is told once of every report (a trial's own result at a fidelity) that is new, after all that follows
  /// from it was told to the listeners, and before any later event is. Set it before the first sync.
  using ReportListener = std::function<void(const Trial& trial, std::int64_t fidelity)>;
  void listen_to_reports(ReportListener listener);
  /// Brings the configs of earlier versions of the space into the present one, as they are read; nullopt
  /// leaves a config as it is. Set it before the first sync.
  using Adopt = std::function<std::optional<space::Config>(const space::Config&)>;
  void adopt_with(Adopt adopt) { adopt_ = std::move(adopt); }

  /// Applies what is new in the journal. Returns whether anything was.
  bool sync();
  /// The sequence number of the last event that was applied, while changes are told that of the one before;
  /// 0: none.
  std::int64_t head() const { return applied_; }
  /// Writes records in one transaction, under the given leases, and applies them (and what others wrote
  /// before). false: a needed lease was lost; nothing was written.
  /// later: where others wrote before, all of it is left for the next sync.
  bool commit(const std::vector<Record>& records, Store::Commit leases = {}, bool later = false);
  /// Saves the views in the store, so that it opens fast; sync does it now and then.
  void save_views();

  Store& store() const { return *store_; }
  const std::shared_ptr<Store>& store_pointer() const { return store_; }
  bool light() const { return light_; }
  /// Reads a light study whole.
  void read_whole();

  /// What the study is; limits, replicates, file and text as last revised.
  const StudyRecord& header() const { return header_; }
  const std::vector<Objective>& objectives() const { return header_.objectives; }
  /// How often it was revised.
  std::int64_t revision() const { return revision_; }

  /// All trials. Of a whole study only.
  const std::deque<Trial>& trials() const;
  const Trial& trial(std::int64_t id) const;  ///< throws Error where there is none
  std::int64_t size() const { return size_; }
  /// How many trials are in memory: all of a whole study; of a light one those that were asked for or are
  /// under way.
  std::size_t kept() const { return light_ ? some_.size() : trials_.size(); }
  /// The first trial with this config key that was not deleted; null: none. Of a whole study only.
  const Trial* find(Key config_key) const;
  /// Trials that reuse the result of `id`.
  const std::vector<std::int64_t>& followers(std::int64_t id) const;
  /// Further evaluations of the config of `id`, in the order proposed.
  const std::vector<std::int64_t>& replicates(std::int64_t id) const;
  /// The trials whose replicates evaluate `id` too: itself, then those whose results it takes (same_as) and
  /// that were not deleted.
  std::vector<std::int64_t> evaluated_with(std::int64_t id) const;
  /// The further trials that were, or are being, evaluated for the function of `id`: those that joined it
  /// (Trial::joins), or that it joined, and that count. Without those of evaluated_with.
  std::vector<std::int64_t> joined_with(std::int64_t id) const;
  /// The measures of all evaluations of `id` together at the horizon: its own result, its replicates', and
  /// those of the trials whose results it takes and of those joined, with its own costs. Empty where there is
  /// none.
  Measures outcome(std::int64_t id) const { return outcome(id, header_.horizon); }
  /// The same at a fidelity below the horizon: replicates have no results there.
  Measures outcome(std::int64_t id, std::int64_t fidelity) const;
  /// The trial `id` as it would be if it took the results of `twin`, which computes the same: with its state,
  /// reason and cause by that one's end and the limits.
  Trial as_same(std::int64_t id, std::int64_t twin) const;
  /// Standard deviation and number of the evaluations of `id` that have a result at the horizon.
  struct Spread {
    std::int64_t n = 0;
    Measures deviation;  ///< of a single evaluation; empty where n < 2
  };
  Spread spread(std::int64_t id) const;

  std::int64_t count(TrialState state) const { return counts_[static_cast<std::size_t>(state)]; }
  /// Trials that wait to be run (given back or enqueued), oldest first; without those behind another.
  const std::deque<std::int64_t>& waiting() const { return waiting_; }

  /// Where a trial lies among the others at the horizon, by all its evaluations together; nullopt: it has no
  /// place on the front, whatever else there is.
  Point point(std::int64_t id) const;
  /// The Pareto front at the horizon's fidelity: trials within the limits, of replicates the first.
  const Front& front() const { return points_.front(); }
  /// Whether a trial may be on the front, if its outcome is within the limits. Not: a replicate, one without
  /// a result of its own, and one that failed, was pruned or deleted, or is infeasible by anything but limits
  /// at the horizon, whatever is known of its function from others.
  bool eligible(const Trial& trial) const;
  /// Where the hypervolume is measured from: the worst value at the horizon in each objective, a tenth of the
  /// range further. Empty until a trial is there.
  std::vector<double> reference() const;

  /// Evaluations that identity saved, and why.
  struct Saved {
    std::int64_t repeated_config = 0;  ///< proposals of a config already known
    std::int64_t same_structure = 0;   ///< trials whose graph and function were known
    std::int64_t same_function = 0;    ///< trials whose function was known under another graph
    std::int64_t over_limit = 0;       ///< trials never trained, outside the limits
    std::int64_t fidelity = 0;         ///< resource units that reused results did not spend
    std::int64_t probes = 0;           ///< functional keys that were computed
    double probe_s = 0.0;              ///< seconds that took
    /// Seconds that evaluating took the trials whose results were reused, once for each use: what the uses
    /// would have cost.
    double evaluation_s = 0.0;
    std::int64_t evaluations() const { return repeated_config + same_structure + same_function; }
  };
  const Saved& saved() const { return saved_; }
  /// Trials whose probe gave no functional key: they are known by their configs alone.
  struct Unhashable {
    std::int64_t count = 0;
    std::int64_t trial = -1;  ///< the first
    std::string reason = {};  ///< its reason
  };
  const Unhashable& unhashable() const { return unhashable_; }
  /// What was proposed: trials, and configs that were known and became none.
  std::int64_t proposals() const { return size() + saved_.repeated_config; }
  /// Trials that ended as known ones since the last one that was evaluated itself (or turned away by the
  /// limits), or since the last session or revision began.
  std::int64_t known_in_a_row() const { return known_in_a_row_; }
  /// Failed trials by cause.
  const std::map<std::string, std::int64_t>& causes() const { return causes_; }
  const Spending& spending() const { return spending_; }
  std::int64_t late() const { return late_; }        ///< results that came after their lease was lost
  std::int64_t unknown() const { return unknown_; }  ///< events of kinds that this program does not know

  /// Seconds that sessions spent on the study so far, overlapping ones once; the open one counts up to `now`.
  double elapsed_s(double now) const { return sessions_.elapsed_s(now); }
  double first_time_s() const { return first_time_s_; }
  double last_time_s() const { return last_time_s_; }
  std::int64_t sessions() const { return sessions_.count(); }
  bool session_open() const { return sessions_.open(); }        ///< also where it was killed
  const std::string& boot() const { return sessions_.boot(); }  ///< boot_id of the last session
  /// Why the last session ended; "" while open.
  const std::string& last_end() const { return sessions_.last_end(); }

 private:
  class NeedsAll {};  // thrown where a light study meets what needs all trials

  void clear();
  bool load_views();
  Json views_json() const;
  void take_views(const Json& views);
  bool apply_new();
  void apply(const Record& record, double time_s);
  void apply_trial(const TrialRecord& r, double time_s);
  void apply_end(Trial& trial, const EndRecord& r, double time_s);
  void apply_keys(Trial& trial, const KeysRecord& r);
  void apply_revision(const RevisedRecord& r);
  void apply_delete(Trial& trial);
  Trial made(const TrialRecord& r, double time_s) const;
  Trial load(std::int64_t id) const;
  class Replay;
  void add_result(Trial& trial, const Result& result);
  bool add_own(Trial& trial, const Result& result);
  /// What holds from a revision on.
  struct Judgement {
    std::int64_t sequence = 0;  // of the revision's event; 0: from the beginning
    std::vector<Limit> limits;
    std::int64_t horizon = 0;
  };
  Result mirrored(const Result& result, const Trial& twin, const Trial& follower) const;
  void unfollow(Trial& trial);

  /// What holds now.
  Judgement rules() const { return {0, header_.limits, header_.horizon}; }
  const Limit* broken(const Trial& trial, const Measures& measures, const Judgement& by) const;
  TrialState judged(const Trial& trial, TrialState state, const Trial* twin, const Judgement& by) const;
  void explain(Trial& trial, TrialState state, const Trial* twin, const Judgement& by) const;
  void restate(Trial& trial, TrialState state, const Trial* twin);
  void follow(const Trial& twin);
  bool leave(const Trial& trial);
  void enter(Trial& trial, TrialState state, bool was_eligible);

  void tell(Change::Kind kind, const Trial& trial, const Result* result = nullptr);
  void tell_results(const Trial& trial);
  void tell_outcome(const Trial& trial, std::int64_t fidelity);
  Trial& at(std::int64_t id) const;
  std::vector<Measures> evaluations(std::int64_t id, std::int64_t fidelity) const;
  bool repeated(std::int64_t id) const;

  using Points = std::vector<std::pair<std::int64_t, Point>>;
  Point point_if_eligible(std::int64_t id) const;
  std::vector<std::int64_t> around(std::vector<std::int64_t> ids) const;
  Points points_of(const std::vector<std::int64_t>& ids) const;
  Points points_around(const Trial& trial) const { return points_of(around({trial.id})); }
  void move_points(const Points& before);

  std::shared_ptr<Store> store_;
  std::vector<Listener> listeners_;
  ReportListener report_listener_;
  Adopt adopt_;
  bool light_ = false;
  std::int64_t applied_ = 0;
  std::int64_t saved_at_ = 0;  // sequence of the views in the store, as far as known
  std::vector<Record> decoded_;

  StudyRecord header_;
  Judgement first_rules_;  // before any revision
  std::int64_t revision_ = 0;
  /// Revisions that judged all trials again.
  std::vector<Judgement> judgements_;
  std::int64_t size_ = 0;
  std::deque<Trial> trials_;                              // whole
  mutable std::unordered_map<std::int64_t, Trial> some_;  // light: those that were asked for
  std::unordered_map<Key, std::int64_t> by_key_;
  std::map<std::int64_t, std::vector<std::int64_t>> followers_;
  std::map<std::int64_t, std::vector<std::int64_t>> replicates_;
  std::map<std::int64_t, std::vector<std::int64_t>> joined_;  // by the trial that they joined
  std::map<std::int64_t, std::vector<std::int64_t>> behind_;
  std::array<std::int64_t, kTrialStates> counts_{};
  std::deque<std::int64_t> waiting_;  ///< mostly left from its front
  PointSet points_;
  Saved saved_;
  std::int64_t known_in_a_row_ = 0;
  std::map<std::string, std::int64_t> causes_;
  Spending spending_;
  std::int64_t late_ = 0, unknown_ = 0;
  Sessions sessions_;
  double first_time_s_ = 0.0, last_time_s_ = 0.0;
  Unhashable unhashable_;
};

}  // namespace hone::study
