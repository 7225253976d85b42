#include "hone/label/nest_machine.h"

#include <algorithm>
#include <memory>

#include <unistd.h>

#include "hone/base/error.h"
#include "hone/cost/kernels/text.h"
#include "hone/label/loops.h"
#include "hone/label/runner.h"

namespace hone::label {

namespace {

constexpr std::int64_t kRows = 64, kColumns = 32;  // of double precision: 16 KiB
constexpr double kChain = 4.0;                     // cycles of an addition that waits for the last

/// Sums of rows weighted by a vector.
std::string row_sums() {
  cost::KernelText text("f64");
  const std::string a = text.buffer({kRows, kColumns}), x = text.buffer({kColumns}), s = text.buffer({kRows});
  text.nest({kRows, kColumns}, [&](const std::vector<std::string>& at) {
    text.accumulate(s, at[0], text.mul(text.load(a, cost::listed({at[0], at[1]})), text.load(x, at[1])));
  });
  return text.text();
}

void measure_strides(const Frontend& frontend, const Backend& backend, cost::NestMachine& machine,
                     bool quiet) {
  const std::string text = row_sums();
  const auto nests = nests_of(frontend, text);
  if (nests.size() != 1) return;
  cost::NestChoice chain = cost::NestChoice::none(nests[0]), jammed = chain, columns = chain;
  jammed.jam = {8, 1};
  columns.order = {1, 0};
  std::vector<std::unique_ptr<Program>> programs;
  std::vector<std::unique_ptr<Memory>> memories;
  std::vector<const Program*> timed;
  std::vector<const Memory*> buffers;
  for (const auto& choice : {chain, jammed, columns}) {
    programs.push_back(backend.compile(frontend.lower(transform_nests(frontend, text, {choice}), "")));
    memories.push_back(std::make_unique<Memory>(programs.back()->arguments(), 1));
    timed.push_back(programs.back().get());
    buffers.push_back(memories.back().get());
  }
  RunOptions run;
  run.quiet = quiet;
  const auto timings = time_programs(timed, buffers, run);
  for (const auto& timing : timings)
    if (!(timing.seconds > 0.0)) return;
  // One element after the other takes the latency of an addition: that tells how long a cycle is.
  const double cycle = timings[0].seconds / kChain;
  machine.strided_cycles = std::clamp(timings[2].seconds / cycle - 0.5, 0.5, 20.0);
  machine.jammed_cycles = std::clamp(timings[1].seconds / cycle, 0.5, 20.0);
}

}  // namespace

cost::NestMachine measured_machine(const Frontend& frontend, const Backend& backend, bool quiet) {
  cost::NestMachine machine;
  machine.vector_bytes = backend.vector_bytes();
  machine.vector_registers = machine.vector_bytes == 64 ? 32 : 16;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const auto set = [&](std::size_t level, int name) {
    if (const long bytes = ::sysconf(name); bytes > 0)
      machine.cache_bytes[level] = static_cast<double>(bytes);
  };
  set(0, _SC_LEVEL1_DCACHE_SIZE);
  set(1, _SC_LEVEL2_CACHE_SIZE);
  set(2, _SC_LEVEL3_CACHE_SIZE);
#endif
  try {
    measure_strides(frontend, backend, machine, quiet);
  } catch (const Error&) {  // what is usual stays
  }
  return machine;
}

}  // namespace hone::label
