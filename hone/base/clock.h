#pragma once

namespace hone {

double wall_s();       ///< seconds since 1970, for people; somebody may set it forward or back
double monotonic_s();  ///< seconds from an arbitrary start, never set back; for durations
double boot_s();       ///< seconds since this machine started, asleep or not: the same for all its processes

/// Seconds of a processor that the calling thread took so far: the time in which others had it, or in which
/// the thread waited, does not count.
double thread_s();

/// For tests: from now on this process's wall clock is wrong by so much, as if somebody had set it.
void set_wall_wrong_by(double seconds);

}  // namespace hone
