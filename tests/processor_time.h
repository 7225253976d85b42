#pragma once

#include <algorithm>
#include <ctime>

namespace hone::test {

/// Processor time of this thread, in seconds: who else has the machine does not count.
inline double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// The processor time of the fastest of `runs` runs of `work`, so that a disturbed one does not count.
template <typename Work>
double fastest(int runs, const Work& work) {
  double least = 1e300;
  for (int i = 0; i < runs; ++i) {
    const double begun = processor_seconds();
    work();
    least = std::min(least, processor_seconds() - begun);
  }
  return least;
}

}  // namespace hone::test
