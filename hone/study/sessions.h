#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/json.h"

namespace hone::study {

/// The sessions of a study, as the journal tells them, and how long somebody worked on it: the time that at
/// least one session covers. Sessions may overlap (two searches on one study). One that was killed never says
/// that it ended: it lasted until the last event before the next session, or until the last start of a trial
/// by one of its workers, whichever is later. A plain value.
class Sessions {
 public:
  /// mark: what the session's workers' names end with, behind a dot; "": not known (an older hone's; it ends
  /// where another begins). last_s: time of the event before.
  void begin(const std::string& mark, const std::string& boot, double time_s, double last_s);
  /// mark "": the last one that began.
  void end(const std::string& mark, const std::string& why, double time_s);
  /// A worker began a trial: its session lives.
  void sign_of_life(const std::string& worker, double time_s);

  /// Seconds that sessions covered; an open one counts up to `now`.
  double elapsed_s(double now) const;
  std::int64_t count() const { return count_; }
  bool open() const { return live_; }                        ///< also where it was killed
  const std::string& boot() const { return boot_; }          ///< boot_id of the last one that began
  const std::string& last_end() const { return last_end_; }  ///< why the last one ended; "" while open

  Json json() const;
  static Sessions from_json(const Json& json);

 private:
  using Interval = std::pair<double, double>;
  struct Open {
    std::string mark;
    double began_s = 0.0;
    double seen_s = 0.0;  ///< the last that is known of it
  };
  static void cover(std::vector<Interval>& covered, Interval interval);

  std::vector<Interval> covered_;  // by sessions that have ended; disjoint, ascending
  std::vector<Open> open_;         // those that never ended; the last is the one seen last
  bool live_ = false;              // the last of them counts up to now
  std::int64_t count_ = 0;
  std::string last_end_, boot_;
};

}  // namespace hone::study
