#pragma once

namespace hone {

double wall_s();       ///< seconds since 1970, for people and journals
double monotonic_s();  ///< seconds from an arbitrary start, never set back; for durations

}  // namespace hone
