#pragma once

#include "hone/cost/nest_model.h"
#include "hone/label/backend.h"
#include "hone/label/frontend.h"

namespace hone::label {

/// This machine as the analytic model of nests knows it: caches as the system tells them, and what elements
/// with a stride cost by running three small kernels as the backend compiles them (some CPUs gather quickly,
/// some slowly though their compiler prefers it). A fraction of a second; `quiet`: under the machine's lock.
cost::NestMachine measured_machine(const Frontend& frontend, const Backend& backend, bool quiet = true);

}  // namespace hone::label
