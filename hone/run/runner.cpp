#include "hone/run/runner.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/device_profile.h"
#include "hone/cost/energy.h"
#include "hone/cost/memory.h"
#include "hone/cost/stopwatch.h"
#include "hone/graph/evaluate.h"

namespace hone::run {
namespace {

/// A repeat lasts so long at least.
constexpr double kRepeat_s = 1e-4;

void write_line(int out, const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(out, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw environment_error(fmt::format("the other side cannot be written to: {}", std::strerror(errno)));
    at += static_cast<std::size_t>(n);
  }
}

/// The energy of one run of `once`, which takes `seconds`: by the machine's counters over a moment of them,
/// else by the processor's power.
cost::Energy energy_of(const std::function<void()>& once, double seconds,
                       const std::function<bool()>& interrupted) {
  constexpr double kMoment_s = 0.3;  // counters step by the millisecond
  cost::EnergyOptions options;
  options.nvml = false;  // engines run on the processor
  cost::EnergyMeter meter(options);
  if (!meter.measures()) {
    const cost::StatedPower power = cost::processor_power(read_file("/proc/cpuinfo"));
    return cost::modelled_energy(seconds, power.watts, power.source);
  }
  cost::MachineLock lock;
  const cost::Quiet quiet(lock, interrupted);
  double runs = 0.0;
  meter.start();
  for (const double end = monotonic_s() + kMoment_s;
       runs == 0.0 || (monotonic_s() < end && !(interrupted && interrupted())); runs += 1.0)
    once();
  cost::Energy energy = meter.stop();
  energy.joules /= runs;
  energy.seconds /= runs;
  return energy;
}

Json measured(const Json& request, const RunnerEngine& engine, const std::function<bool()>& interrupted) {
  if (!request.contains(engine.accepts))
    throw Error(fmt::format("there is no {} in the request", engine.accepts), {},
                fmt::format("this runner accepts \"{}\"", engine.accepts));
  const std::function<void()> once = engine.prepare(request[engine.accepts]);
  // What is short is run so often that a clock can tell how long it takes.
  double shortest = kRepeat_s;
  for (int call = 0; call < 2; ++call) {
    const double start = monotonic_s();
    once();
    shortest = std::min(shortest, monotonic_s() - start);
  }
  const auto calls = static_cast<std::int64_t>(std::ceil(kRepeat_s / std::max(shortest, 1e-8)));
  const auto pass = [&] {
    for (std::int64_t call = 0; call < calls; ++call) once();
  };
  cost::TimingOptions options;
  options.warmup = 1;
  options.rounds = 3;
  options.repeats = std::clamp(request.value("repeats", 10) / options.rounds, 1, 10000);
  options.extra_repeats = options.repeats;
  options.extra_rounds = 1;
  options.max_seconds = std::clamp(request.value("seconds", 5.0), 0.0, 3600.0);
  const cost::Timing timing = cost::measure(pass, options, interrupted);
  const double seconds = timing.seconds / static_cast<double>(calls);
  const cost::Energy energy = std::isfinite(seconds) ? energy_of(once, seconds, interrupted) : cost::Energy{};
  return {{"type", "result"},
          {"seconds", seconds},
          {"energy_j", finite_or_null(energy.joules)},
          {"energy_from", energy.source},
          {"spread", timing.spread},
          {"repeats", timing.repeats},
          {"disturbed", timing.disturbed},
          {"engine", engine.name}};
}

}  // namespace

RunnerEngine graph_engine(std::string name,
                          std::function<std::function<void()>(const graph::Graph&)> prepare) {
  return {std::move(name), "graph", [prepare = std::move(prepare)](const Json& graph) {
            return prepare(graph::Graph::from_json(graph));
          }};
}

RunnerEngine interpreter_engine() {
  return graph_engine("interpreter", [](const graph::Graph& graph) -> std::function<void()> {
    if (graph.outputs().empty()) throw Error("the graph has no output");
    struct State {
      graph::Graph graph;
      std::vector<graph::Array> inputs, parameters;
    };
    const auto state = std::make_shared<State>();
    state->graph = graph;
    for (const graph::Node& node : graph.nodes())
      if (node.op == "input")
        state->inputs.push_back(
            {node.shape, std::vector<double>(static_cast<std::size_t>(graph::element_count(node.shape)),
                                             node.type == graph::DataType::int64 ? 0.0 : 0.5)});
    state->parameters = graph::initial_parameters(graph, 1);
    return [state] { graph::evaluate(state->graph, state->inputs, state->parameters); };
  });
}

Json this_device() {
  utsname system{};
  ::uname(&system);
  Json device{{"name", cost::processor_name()},
              {"host", system.nodename},
              {"system", std::string(system.sysname) + " " + system.release},
              {"architecture", system.machine},
              {"cores", std::max(1u, std::thread::hardware_concurrency())},
              {"memory_bytes", cost::available_bytes()}};
  if (const auto profile = cost::own_profile()) device["profile"] = profile->json();
  return device;
}

void serve_runner(int in, int out, const RunnerEngine& engine, const std::function<bool()>& interrupted) {
  std::string pending;
  const auto stop = [&] { return interrupted && interrupted(); };
  while (!stop()) {
    const std::size_t end = pending.find('\n');
    if (end == std::string::npos) {
      if (pending.size() > kMostRunnerLine) throw environment_error("a request is longer than a line may be");
      pollfd waiting{in, POLLIN, 0};
      if (::poll(&waiting, 1, 200) <= 0) continue;
      char part[65536];
      const ssize_t n = ::read(in, part, sizeof part);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw environment_error(fmt::format("requests cannot be read: {}", std::strerror(errno)));
      if (n == 0) return;
      pending.append(part, static_cast<std::size_t>(n));
      continue;
    }
    const std::string line = pending.substr(0, end);
    pending.erase(0, end + 1);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Json answer, request;
    try {
      request = parse_json(line, "the request");
      if (!request.is_object()) throw Error("a request is a JSON object");
      const std::string type = request.value("type", "");
      if (type == "bye") return;
      if (type == "hello") {
        answer = {{"type", "hello"},
                  {"protocol", kRunnerProtocol},
                  {"device", this_device()},
                  {"accepts", Json::array({engine.accepts})},
                  {"engine", engine.name}};
      } else if (type == "measure") {
        answer = measured(request, engine, interrupted);
      } else {
        throw Error(fmt::format("there is no request '{}'", type), {},
                    suggest(type, {"hello", "measure", "bye"}));
      }
    } catch (const std::exception& error) {
      answer = {{"type", "error"}, {"message", error.what()}};
    }
    if (request.is_object() && request.contains("id")) answer["id"] = request["id"];
    write_line(out, answer);
  }
}

}  // namespace hone::run
