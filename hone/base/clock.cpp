#include "hone/base/clock.h"

#include <atomic>
#include <chrono>
#include <ctime>

namespace hone {
namespace {

std::atomic<double> g_wrong_s = 0.0;

}  // namespace

double wall_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() +
         g_wrong_s.load(std::memory_order_relaxed);
}

double monotonic_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double boot_s() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double thread_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void set_wall_wrong_by(double seconds) { g_wrong_s = seconds; }

}  // namespace hone
