#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"

namespace hone::run {

/// Renews the leases of the jobs in hand from a thread of its own.
class Heartbeat {
 public:
  Heartbeat(Optimizer& optimizer, double lease_s)
      : optimizer_(optimizer), thread_([this, lease_s] { beat(lease_s / 4); }) {}
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void hold(const std::vector<Job>& jobs) {
    const std::lock_guard lock(mutex_);
    held_ = jobs;
    lost_ = false;
  }
  void let_go(std::int64_t trial) {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Job& job) { return job.trial == trial; });
  }
  /// A lease went to somebody else (this machine slept, say): what is being done here is in vain.
  bool lost() const { return lost_; }

 private:
  void beat(double every_s) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::duration<double>(every_s), [this] { return done_; })) {
      for (const Job& job : held_) {
        try {
          if (!optimizer_.renew(job)) lost_ = true;
        } catch (const Error&) {
          // The store is busy or gone; the tell at the end will say so.
        }
      }
    }
  }

  Optimizer& optimizer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> held_;
  bool done_ = false;
  std::atomic<bool> lost_ = false;
  std::thread thread_;
};

}  // namespace hone::run
