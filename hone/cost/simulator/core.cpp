#include "hone/cost/simulator/core.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/document.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"

namespace hone::cost::simulator {
namespace {

// Getters of the table need functions without state, so units and caches come by a constant.
template <std::size_t K, double Core::Units::*Field>
double& unit(Core& core) {
  return core.units[K].*Field;
}
template <std::size_t K, double Core::Cache::*Field>
double& cache(Core& core) {
  return core.caches[K].*Field;
}
template <double Core::*Field>
double& plain(Core& core) {
  return core.*Field;
}

template <std::size_t K>
void add_units(std::vector<CoreKey>& keys) {
  const std::string name = fmt::format("units.{}.", kind_name(static_cast<Kind>(K)));
  keys.push_back({name + "count", "", 1.0, 32.0, true, {}, &unit<K, &Core::Units::count>});
  keys.push_back({name + "latency", "cycles", 1.0, 1000.0, true, {}, &unit<K, &Core::Units::latency>});
  keys.push_back({name + "interval", "cycles", 1.0, 1000.0, true, {}, &unit<K, &Core::Units::interval>});
  if constexpr (K + 1 < kKinds) add_units<K + 1>(keys);
}

template <std::size_t K>
void add_caches(std::vector<CoreKey>& keys) {
  const std::string name = fmt::format("cache.l{}.", K + 1);
  const double least = K == 2 ? 0.0 : 1024.0;
  keys.push_back({name + "bytes", "bytes", least, 1073741824.0, true, {}, &cache<K, &Core::Cache::bytes>});
  keys.push_back({name + "ways", "", 1.0, 64.0, true, {}, &cache<K, &Core::Cache::ways>});
  keys.push_back({name + "latency", "cycles", 1.0, 1000.0, true, {}, &cache<K, &Core::Cache::latency>});
  keys.push_back({name + "misses", "lines", 1.0, 1024.0, true, {}, &cache<K, &Core::Cache::misses>});
  keys.push_back({name + "bytes_per_cycle",
                  "bytes a cycle",
                  1.0,
                  1024.0,
                  false,
                  {},
                  &cache<K, &Core::Cache::bytes_per_cycle>});
  if constexpr (K + 1 < 3) add_caches<K + 1>(keys);
}

std::vector<CoreKey> make_keys() {
  std::vector<CoreKey> keys{
      {"clock_ghz", "GHz", 0.01, 100.0, false, {}, &plain<&Core::clock_ghz>},
      {"fetch_width", "instructions a cycle", 1.0, 32.0, true, {}, &plain<&Core::fetch_width>},
      {"issue_width", "instructions a cycle", 1.0, 64.0, true, {}, &plain<&Core::issue_width>},
      {"retire_width", "instructions a cycle", 1.0, 32.0, true, {}, &plain<&Core::retire_width>},
      {"reorder_buffer", "instructions", 1.0, 2048.0, true, {}, &plain<&Core::reorder_buffer>},
      {"scheduler", "instructions", 1.0, 2048.0, true, {}, &plain<&Core::scheduler>},
      {"load_queue", "loads", 1.0, 1024.0, true, {}, &plain<&Core::load_queue>},
      {"store_queue", "stores", 1.0, 1024.0, true, {}, &plain<&Core::store_queue>},
      {"vector_bytes", "bytes", 8.0, 64.0, true, {}, &plain<&Core::vector_bytes>},
      {"forward_cycles", "cycles", 1.0, 100.0, true, {}, &plain<&Core::forward_cycles>},
      {"branch.predictor", "", 0.0, 2.0, true, {"perfect", "bimodal", "gshare"}, &plain<&Core::predictor>},
      {"branch.entries", "", 1.0, 16777216.0, true, {}, &plain<&Core::predictor_entries>},
      {"branch.history_bits", "jumps", 0.0, 24.0, true, {}, &plain<&Core::history_bits>},
      {"branch.mispredict_cycles", "cycles", 0.0, 1000.0, true, {}, &plain<&Core::mispredict_cycles>}};
  add_units<0>(keys);
  add_caches<0>(keys);
  const std::vector<CoreKey> last{
      {"line_bytes", "bytes", 16.0, 256.0, true, {}, &plain<&Core::line_bytes>},
      {"memory.latency_ns", "ns", 0.0, 10000.0, false, {}, &plain<&Core::memory_latency_ns>},
      {"memory.gb_per_s", "10^9 bytes a second", 0.01, 10000.0, false, {}, &plain<&Core::memory_gb_per_s>},
      {"prefetch.kind", "", 0.0, 2.0, true, {"none", "next_line", "stride"}, &plain<&Core::prefetcher>},
      {"prefetch.lines", "lines", 1.0, 64.0, true, {}, &plain<&Core::prefetch_lines>}};
  keys.insert(keys.end(), last.begin(), last.end());
  return keys;
}

std::string range_text(const CoreKey& key) {
  if (!key.choices.empty()) return fmt::format("one of {}", fmt::join(key.choices, ", "));
  return fmt::format("a {}number from {} to {}{}", key.whole ? "whole " : "", real_text(key.low),
                     real_text(key.high), key.unit.empty() ? "" : " (" + key.unit + ")");
}

bool fits(const CoreKey& key, double value) {
  return std::isfinite(value) && value >= key.low && value <= key.high &&
         (!key.whole || value == std::floor(value));
}

/// There are too many to list.
std::string near_key(const std::string& name) {
  std::vector<std::string> names;
  for (const CoreKey& key : core_keys()) names.push_back(key.name);
  const std::string near = nearest(name, names);
  return near.empty() ? "docs/simulator.md lists them" : fmt::format("did you mean '{}'?", near);
}

void read_value(Core& core, const CoreKey& key, const Node& node) {
  double value = 0.0;
  if (!key.choices.empty()) {
    const auto found = std::find(key.choices.begin(), key.choices.end(), node.text());
    if (found == key.choices.end()) throw node.expected(range_text(key), suggest(node.text(), key.choices));
    value = static_cast<double>(found - key.choices.begin());
  } else {
    value = key.unit == "bytes" ? read_size_bytes(node) : node.real();
    if (!fits(key, value)) throw node.expected(range_text(key));
  }
  key.of(core) = value;
}

/// Reads the keys below `prefix` of a table, and refuses what nobody knows.
void read_table(Core& core, const Node& table, const std::string& prefix) {
  for (const auto& [name, node] : table.entries()) {
    if (prefix.empty() && (name == "name" || name == "base")) continue;
    const std::string whole = prefix + name;
    const auto key = std::find_if(core_keys().begin(), core_keys().end(),
                                  [&](const CoreKey& one) { return one.name == whole; });
    if (key != core_keys().end()) {
      read_value(core, *key, node);
      continue;
    }
    const bool inner = std::any_of(core_keys().begin(), core_keys().end(),
                                   [&](const CoreKey& one) { return one.name.starts_with(whole + "."); });
    if (inner) {
      read_table(core, node, whole + ".");
      continue;
    }
    std::vector<std::string> known;
    if (prefix.empty()) known = {"name", "base"};
    for (const CoreKey& one : core_keys())
      if (one.name.starts_with(prefix)) {
        std::string next = one.name.substr(prefix.size());
        next = next.substr(0, next.find('.'));
        if (std::find(known.begin(), known.end(), next) == known.end()) known.push_back(next);
      }
    throw Error(fmt::format("unknown key '{}'", name), node.place(), suggest(name, known));
  }
}

}  // namespace

const char* kind_name(Kind kind) {
  static constexpr const char* kNames[] = {"integer",   "multiply", "divide", "fp_add", "fp_multiply",
                                           "fp_divide", "vector",   "load",   "store",  "branch"};
  return kNames[static_cast<std::size_t>(kind)];
}

mlir::CodeTarget Core::code_target() const {
  mlir::CodeTarget target;
  target.vector_bytes = vector_bytes;
  target.vector_registers = 16.0;
  for (std::size_t k = 0; k < 3; ++k) target.cache_bytes[k] = caches[k].bytes;
  if (levels() == 2) target.cache_bytes[2] = caches[1].bytes;
  target.cache_ways = {caches[0].ways, caches[1].ways};
  return target;
}

double CoreKey::get(const Core& core) const {
  Core copy = core;
  return of(copy);
}

const std::vector<CoreKey>& core_keys() {
  static const std::vector<CoreKey> keys = make_keys();
  return keys;
}

std::vector<std::string> core_names() { return {"little", "middle", "big"}; }

Core named_core(const std::string& name) {
  Core core;
  if (name == "middle") return core;
  core.name = name;
  const auto units = [&](Kind kind, double count, double latency, double interval) {
    core.units[static_cast<std::size_t>(kind)] = {count, latency, interval};
  };
  if (name == "little") {
    core.clock_ghz = 2.0;
    core.fetch_width = 2.0, core.issue_width = 3.0, core.retire_width = 2.0;
    core.reorder_buffer = 40.0, core.scheduler = 20.0, core.load_queue = 16.0, core.store_queue = 12.0;
    core.vector_bytes = 16.0, core.mispredict_cycles = 9.0;
    core.predictor = 1.0, core.predictor_entries = 1024.0;
    units(Kind::integer, 2.0, 1.0, 1.0);
    units(Kind::fp_add, 1.0, 4.0, 1.0);
    units(Kind::fp_multiply, 1.0, 4.0, 1.0);
    units(Kind::fp_divide, 1.0, 18.0, 12.0);
    units(Kind::divide, 1.0, 22.0, 20.0);
    units(Kind::vector, 1.0, 2.0, 1.0);
    units(Kind::load, 1.0, 1.0, 1.0);
    core.caches = {
        {{32768.0, 4.0, 3.0, 6.0, 16.0}, {262144.0, 8.0, 12.0, 12.0, 16.0}, {0.0, 16.0, 30.0, 16.0, 16.0}}};
    core.memory_latency_ns = 100.0, core.memory_gb_per_s = 8.0, core.prefetch_lines = 2.0;
    return core;
  }
  if (name == "big") {
    core.clock_ghz = 4.0;
    core.fetch_width = 8.0, core.issue_width = 12.0, core.retire_width = 8.0;
    core.reorder_buffer = 512.0, core.scheduler = 200.0, core.load_queue = 192.0, core.store_queue = 114.0;
    core.vector_bytes = 32.0, core.mispredict_cycles = 17.0;
    core.predictor_entries = 65536.0, core.history_bits = 16.0;
    units(Kind::integer, 6.0, 1.0, 1.0);
    units(Kind::multiply, 2.0, 3.0, 1.0);
    units(Kind::divide, 1.0, 12.0, 6.0);
    units(Kind::fp_add, 3.0, 3.0, 1.0);
    units(Kind::fp_multiply, 3.0, 4.0, 1.0);
    units(Kind::fp_divide, 2.0, 11.0, 4.0);
    units(Kind::vector, 4.0, 1.0, 1.0);
    units(Kind::load, 3.0, 1.0, 1.0);
    units(Kind::store, 2.0, 1.0, 1.0);
    units(Kind::branch, 2.0, 1.0, 1.0);
    core.caches = {{{65536.0, 8.0, 4.0, 16.0, 96.0},
                    {2097152.0, 16.0, 15.0, 48.0, 64.0},
                    {33554432.0, 16.0, 50.0, 64.0, 32.0}}};
    core.memory_latency_ns = 75.0, core.memory_gb_per_s = 40.0, core.prefetch_lines = 8.0;
    return core;
  }
  throw Error(fmt::format("there is no core '{}'", name), {},
              suggest(name, core_names()) + "; a file's name ends in .toml");
}

Core parse_core(const std::string& text, const std::string& file) {
  const hone::Node root = hone::Node::parse_toml(text, file);
  Core core;
  if (const auto base = root["base"]) {
    const auto names = core_names();
    if (std::find(names.begin(), names.end(), base.text()) == names.end())
      throw base.expected("a core that is built in", suggest(base.text(), names));
    core = named_core(base.text());
  }
  core.name = file;
  if (const auto name = root["name"]) core.name = name.text();
  read_table(core, root, "");
  check_core(core, file);
  return core;
}

Core read_core(const std::string& path) { return parse_core(read_file(path), path); }

Core core_of(const std::string& name_or_file) {
  const bool file = name_or_file.ends_with(".toml") || name_or_file.find('/') != std::string::npos;
  return file ? read_core(name_or_file) : named_core(name_or_file);
}

void set_core_key(Core& core, const std::string& name, const std::string& value) {
  const auto key = std::find_if(core_keys().begin(), core_keys().end(),
                                [&](const CoreKey& one) { return one.name == name; });
  if (key == core_keys().end()) throw Error(fmt::format("a core has no '{}'", name), {}, near_key(name));
  // As it would stand in a file: a number as it is, else a text.
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  hone::Node node(hone::Node::Type::text, Place{"", 0, name});
  node.text_ = value;
  if (end != value.c_str() && *end == '\0') {
    node = hone::Node(hone::Node::Type::real, Place{"", 0, name});
    node.real_ = number;
  }
  read_value(core, *key, node);
}

void check_core(const Core& core, const std::string& file) {
  const auto wrong = [&](const std::string& key, const std::string& what, const std::string& hint) {
    return Error(what, Place{file, 0, key}, hint);
  };
  const double line = core.line_bytes;
  if (std::exp2(std::round(std::log2(line))) != line)
    throw wrong("line_bytes", fmt::format("{} is no power of two", real_text(line)), "64 is usual");
  if (const double v = core.vector_bytes; std::exp2(std::round(std::log2(v))) != v)
    throw wrong("vector_bytes", fmt::format("{} is no power of two", real_text(v)), "16, 32 or 64");
  for (int k = 0; k < core.levels(); ++k) {
    const Core::Cache& one = core.caches[static_cast<std::size_t>(k)];
    const std::string key = fmt::format("cache.l{}", k + 1);
    const double set = one.ways * line;
    if (one.bytes < set || std::fmod(one.bytes, set) != 0.0)
      throw wrong(key + ".bytes",
                  fmt::format("{} bytes are no whole number of sets of {} ways of {} bytes",
                              real_text(one.bytes), real_text(one.ways), real_text(line)),
                  fmt::format("a multiple of {}", real_text(set)));
    if (k == 0) continue;
    const Core::Cache& before = core.caches[static_cast<std::size_t>(k - 1)];
    if (one.bytes < before.bytes)
      throw wrong(key + ".bytes", "it is smaller than the level before it", "larger levels come later");
    if (one.latency < before.latency)
      throw wrong(key + ".latency", "it is faster than the level before it",
                  fmt::format("at least {} cycles", real_text(before.latency)));
  }
}

Json core_json(const Core& core) {
  Json json{{"name", core.name}};
  for (const CoreKey& key : core_keys()) {
    Json* at = &json;
    std::string rest = key.name;
    for (std::size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
      at = &(*at)[rest.substr(0, dot)];
      rest = rest.substr(dot + 1);
    }
    const double value = key.get(core);
    if (!key.choices.empty())
      (*at)[rest] = key.choices[static_cast<std::size_t>(value)];
    else if (key.whole)
      (*at)[rest] = static_cast<std::int64_t>(value);
    else
      (*at)[rest] = value;
  }
  return json;
}

}  // namespace hone::cost::simulator
