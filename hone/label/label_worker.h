// The processes that compile and run for a pool. For the files of this room only.
#pragma once

#include <map>
#include <string>

#include "hone/cost/labels.h"
#include "hone/label/label_pool.h"

namespace hone::label {

// The talk between the pool and a worker, a line each: the pool sends a number; the worker answers
// "structure KEY" and waits for "go" or "known"; then it answers "label JSON", or at any time "failed WHY".
// To "again NUMBER" it answers with the label at once.

/// Over a socket. False: the other side is gone.
bool send_line(int to, std::string line);
bool read_line(int from, std::string& buffer, std::string& line);

/// A worker's life, in a process of its own. `pool`: its socket.
[[noreturn]] void label_work(int pool, const LabelPlan& plan, const std::map<std::string, double>& measured);

/// What this machine and compiler are; its rates where `measures`. In a process of its own: this one stays
/// free of the compiler's threads, so that it can fork. Throws Error (environment).
cost::LabelProvenance label_provenance(const LabelPlan& plan, bool measures);

}  // namespace hone::label
