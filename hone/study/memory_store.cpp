// A journal in this process's memory: for ask/tell inside a program, tests and the simulator.
#include "hone/study/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "hone/base/clock.h"

namespace hone::study {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::function<double()> clock) : clock_(std::move(clock)) {}

  Receipt commit(const Commit& commit) override {
    const std::lock_guard lock(mutex_);
    for (const Lease& lease : commit.need) {
      const auto held = leases_.find(lease.name);
      if (held == leases_.end() || held->second.lease.token != lease.token) return {};
    }
    const double now = tick();
    const auto first = static_cast<std::int64_t>(events_.size()) + 1;
    for (const Event& event : commit.events) {
      events_.push_back(event);
      events_.back().sequence = static_cast<std::int64_t>(events_.size());
      events_.back().time_s = now;
    }
    for (const Lease& lease : commit.release) leases_.erase(lease.name);
    for (const std::string& name : commit.drop) leases_.erase(name);
    for (HeldLease held : commit.take) {
      held.expires_s += now;
      leases_[held.lease.name] = std::move(held);
    }
    return {true, first, now};
  }

  void read(std::int64_t sequence, const std::function<void(const Event&)>& take) override {
    for (;;) {
      Event event;
      {
        const std::lock_guard lock(mutex_);
        if (static_cast<std::size_t>(sequence) >= events_.size()) return;
        event = events_[static_cast<std::size_t>(sequence++)];
      }
      take(event);
    }
  }

  void read_trial(std::int64_t trial, std::int64_t last,
                  const std::function<void(const Event&)>& take) override {
    std::vector<Event> found;
    {
      const std::lock_guard lock(mutex_);
      for (const Event& event : events_)
        if (event.sequence <= last && event.trial == trial) found.push_back(event);
    }
    for (const Event& event : found) take(event);
  }

  void save_view(const std::string& name, const View& view) override {
    const std::lock_guard lock(mutex_);
    views_[name] = view;
  }

  std::optional<View> view(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const auto found = views_.find(name);
    if (found == views_.end()) return std::nullopt;
    return found->second;
  }

  std::optional<Event> first() override {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    return events_.front();
  }

  std::int64_t head() override {
    const std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(events_.size());
  }

  std::optional<Lease> acquire(const std::string& name, const std::string& holder, double seconds) override {
    const std::lock_guard lock(mutex_);
    const double now = tick();
    const auto held = leases_.find(name);
    if (held != leases_.end() && held->second.expires_s > now) return std::nullopt;
    const Lease lease{name, ++tokens_[name]};
    leases_[name] = {lease, holder, now + seconds};
    return lease;
  }

  bool renew(const Lease& lease, double seconds) override {
    const std::lock_guard lock(mutex_);
    const auto held = leases_.find(lease.name);
    if (held == leases_.end() || held->second.lease.token != lease.token) return false;
    held->second.expires_s = tick() + seconds;
    return true;
  }

  void release(const Lease& lease) override {
    const std::lock_guard lock(mutex_);
    const auto held = leases_.find(lease.name);
    if (held != leases_.end() && held->second.lease.token == lease.token) leases_.erase(held);
  }

  std::vector<HeldLease> leases(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    std::vector<HeldLease> found;
    for (auto it = leases_.lower_bound(prefix); it != leases_.end() && it->first.starts_with(prefix); ++it)
      found.push_back(it->second);
    return found;
  }

  double now_s() override {
    const std::lock_guard lock(mutex_);
    return tick();
  }

  std::string url() const override { return "memory:"; }

 private:
  double tick() { return now_ = std::max(now_, clock_()); }

  std::mutex mutex_;
  std::function<double()> clock_;
  double now_ = 0.0;
  std::vector<Event> events_;
  std::map<std::string, HeldLease> leases_;
  std::map<std::string, std::int64_t> tokens_;
  std::map<std::string, View> views_;
};

}  // namespace

std::shared_ptr<Store> memory_store(std::function<double()> clock) {
  return std::make_shared<MemoryStore>(std::move(clock));
}

}  // namespace hone::study

HONE_REGISTER(store, memory) {
  registry.add("store",
               {.name = "memory",
                .summary = "journal in the program's own memory; gone with it",
                .paper = "",
                .options = {},
                .traits = "one process"},
               hone::study::MakeStore([](const std::string&) -> std::shared_ptr<hone::study::Store> {
                 // The wall clock's time as the store was made; setting that clock changes nothing here.
                 const double start_s = hone::wall_s() - hone::monotonic_s();
                 return hone::study::memory_store([start_s] { return start_s + hone::monotonic_s(); });
               }));
}
