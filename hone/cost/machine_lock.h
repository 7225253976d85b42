#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

namespace hone::cost {

/// Asked while waiting; true means "give up". Empty: wait for as long as it takes.
using Interrupted = std::function<bool()>;

/// Keeps training steps and measurements of one machine apart. A turnstile of two flock files in a folder
/// that all of the machine's processes share:
///
///   training step: gate shared, busy shared, gate released; the step; busy released
///   measurement:   gate exclusive (no new step starts), busy exclusive (running steps end); it measures;
///                  both released
///
/// Any number of steps run at once, a measurement runs alone, and steps cannot starve it. Locks belong to an
/// instance (an open file description), so that they hold between threads as between processes, and end with
/// the process that held them. Make one instance a thread; an instance is not thread safe. After a fork the
/// child's copy opens the files anew. An uncontended step costs four flock calls, some 1 to 6 us together.
///
/// The folder is $HONE_LOCK_DIR, else /run/lock where everyone may write there, else /tmp: a rule that does
/// not depend on who asks, so that all users of a machine meet. Where the files can neither be opened nor
/// made, locks are granted at once and enabled() is false.
class MachineLock {
 public:
  MachineLock() : MachineLock(default_folder()) {}
  explicit MachineLock(std::string folder);
  ~MachineLock();
  MachineLock(const MachineLock&) = delete;
  MachineLock& operator=(const MachineLock&) = delete;

  static std::string default_folder();

  /// Whether locks are real. False: no lock file could be opened, reason() says why.
  bool enabled() const { return gate_ >= 0; }
  const std::string& folder() const { return folder_; }
  const std::string& reason() const { return reason_; }

 private:
  friend class Working;
  friend class Quiet;

  void open_files();
  void close_files();
  bool take(bool exclusive, const Interrupted& interrupted);
  void release();

  std::string folder_;
  std::string reason_;
  int gate_ = -1;
  int busy_ = -1;
  pid_t owner_ = 0;
  bool taken_ = false;
};

/// One training step: holds off measurements while it lives. Taking a second guard on the same instance
/// throws Error (internal); a Quiet on another instance of the same thread would wait for ever.
class Working {
 public:
  explicit Working(MachineLock& lock, const Interrupted& interrupted = {})
      : lock_(lock), held_(lock.take(false, interrupted)) {}
  ~Working() {
    if (held_) lock_.release();
  }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;

  /// False: given up, because interrupted said so.
  bool held() const { return held_; }

 private:
  MachineLock& lock_;
  bool held_;
};

/// One measurement: alone on the machine while it lives, as far as others use this lock.
class Quiet {
 public:
  explicit Quiet(MachineLock& lock, const Interrupted& interrupted = {})
      : lock_(lock), held_(lock.take(true, interrupted)) {}
  ~Quiet() {
    if (held_) lock_.release();
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

  bool held() const { return held_; }

 private:
  MachineLock& lock_;
  bool held_;
};

}  // namespace hone::cost
