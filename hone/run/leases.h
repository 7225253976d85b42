#pragma once

#include <cstdint>
#include <string>

#include "hone/study/study.h"

namespace hone::run {

// The names of leases. For the files of this room only; see Store for what a lease is.

std::string lease_name(std::int64_t trial);
/// The trial whose lease it is; -1: it is no trial's.
std::int64_t trial_of(const study::HeldLease& held);
bool running(const study::Study& study, std::int64_t trial);

}  // namespace hone::run
