#include "hone/cost/device_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/key.h"
#include "hone/cost/accelerator.h"

namespace hone::cost {
namespace {

struct TypeInfo {
  const char* name;
  double bytes;
  std::vector<const char*> wider;  // what it is computed in where the device lacks it, the best first
};

const std::vector<TypeInfo>& types() {
  static const std::vector<TypeInfo> list{{"f64", 8.0, {}},
                                          {"f32", 4.0, {"f64"}},
                                          {"f16", 2.0, {"bf16", "f32", "f64"}},
                                          {"bf16", 2.0, {"f16", "f32", "f64"}},
                                          {"i32", 4.0, {"f64", "f32"}},
                                          {"i8", 1.0, {"i32", "f16", "f32", "f64"}}};
  return list;
}

const TypeInfo& type_info(const std::string& name) {
  for (const TypeInfo& type : types())
    if (name == type.name) return type;
  std::vector<std::string> names;
  for (const TypeInfo& type : types()) names.emplace_back(type.name);
  throw Error(fmt::format("there is no type '{}'", name), {}, suggest(name, names));
}

Json rate_json(const Rate& rate) {
  return rate.spread > 0.0 ? Json{{"value", rate.value}, {"spread", rate.spread}} : Json(rate.value);
}

/// Reads one object and, at its end, refuses what nobody asked for.
class Fields {
 public:
  Fields(const Json& json, std::string file, std::string key)
      : json_(json), file_(std::move(file)), key_(std::move(key)) {
    if (!json.is_object()) throw Error("expected an object", Place{file_, 0, key_}, "see docs/costs.md");
  }
  ~Fields() = default;
  const Json* find(const std::string& name) {
    known_.push_back(name);
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  Place place(const std::string& name) const { return {file_, 0, key_.empty() ? name : key_ + "." + name}; }
  std::string text(const std::string& name, const std::string& fallback = {}) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_string()) throw Error("expected text", place(name));
    return value->get<std::string>();
  }
  bool flag(const std::string& name, bool fallback) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) throw Error("expected true or false", place(name));
    return value->get<bool>();
  }
  double number(const std::string& name, double fallback = 0.0) {
    const Json* value = find(name);
    return value == nullptr ? fallback : positive(*value, place(name));
  }
  int whole(const std::string& name, int fallback = 0) {
    const double read = number(name, fallback);
    if (read != std::floor(read) || read > 1e9) throw Error("expected a whole number", place(name));
    return static_cast<int>(read);
  }
  Rate rate(const std::string& name) {
    const Json* value = find(name);
    return value == nullptr ? Rate{} : rate_of(*value, place(name));
  }
  Rate rate_of(const Json& value, const Place& at) const {
    if (!value.is_object()) return {positive(value, at), 0.0};
    Fields fields(value, file_, at.key);
    const Rate rate{fields.number("value"), fields.number("spread")};
    fields.end();
    return rate;
  }
  void end() const {
    for (const auto& [name, value] : json_.items())
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        throw Error(fmt::format("there is no '{}' in a device's profile", name), place(name),
                    suggest(name, known_));
  }

 private:
  static double positive(const Json& value, const Place& at) {
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0.0)
      throw Error("expected a number of at least 0", at);
    return value.get<double>();
  }
  const Json& json_;
  std::string file_, key_;
  std::vector<std::string> known_;
};

std::string file_name(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      result += c;
    else if (!result.empty() && result.back() != '-')
      result += '-';
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

}  // namespace

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, vendor, family, model, name;
  while (std::getline(file, line)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (line.rfind("vendor_id", 0) == 0) vendor = value;
    if (line.rfind("cpu family", 0) == 0) family = value;
    if (line.rfind("model name", 0) == 0) name = value;
    if (line.rfind("model\t", 0) == 0) model = value;
    if (line.rfind("stepping", 0) == 0) break;
  }
  if (name.empty()) return "this machine";
  return family.empty() ? name : fmt::format("{} (family {}, model {})", name, family, model);
}

namespace {
// Of an operator, where a profile does not tell it.
constexpr double kCpuOverhead_s = 2e-6, kAcceleratorOverhead_s = 4e-6;
}  // namespace

double type_bytes(const std::string& type) { return type_info(type).bytes; }

Rate DeviceProfile::peak_of(const std::string& type, bool one_thread) const {
  const TypeInfo& info = type_info(type);
  const auto& rates = one_thread ? peak_one : peak;
  if (const auto found = rates.find(type); found != rates.end()) return found->second;
  for (const char* wider : info.wider)
    if (const auto found = rates.find(wider); found != rates.end()) return found->second;
  throw Error(fmt::format("the device '{}' has no peak rate for {}{}", name, type,
                          one_thread ? " of one thread" : ""),
              {},
              one_thread ? "calibrate it, or add it to its profile's \"peak_one_thread\""
                         : "add it to its profile's \"peak\"");
}

double DeviceProfile::bandwidth(double working_set) const {
  if (memory.empty())
    throw Error(fmt::format("the device '{}' has no memory", name), {}, "its profile needs \"memory\"");
  for (const MemoryLevel& level : memory)
    if (working_set <= level.bytes) return level.read.value;
  return memory.back().read.value;
}

Json DeviceProfile::json() const {
  Json json{{"name", name}, {"kind", kind}, {"source", source}};
  if (!measured_at.empty()) json["measured_at"] = measured_at;
  for (const auto& [key, rates] : {std::pair{"peak", &peak}, std::pair{"peak_one_thread", &peak_one}}) {
    if (rates->empty()) continue;
    json[key] = Json::object();
    for (const auto& [type, rate] : *rates) json[key][type] = rate_json(rate);
  }
  json["memory"] = Json::array();
  for (const MemoryLevel& level : memory) {
    Json entry{{"name", level.name}, {"bytes", level.bytes}, {"read", rate_json(level.read)}};
    if (level.read_one.value > 0.0) entry["read_one_thread"] = rate_json(level.read_one);
    if (level.copy.value > 0.0) entry["copy"] = rate_json(level.copy);
    json["memory"].push_back(std::move(entry));
  }
  json["memory_bytes"] = memory_bytes;
  if (cores > 0) json["cores"] = cores;
  json["overhead_s"] = overhead_s;
  json["overhead_assumed"] = overhead_assumed;
  for (const auto& [key, value] :
       {std::pair{"call_s", call_s}, std::pair{"wakeup_s", wakeup_s}, std::pair{"process_s", process_s},
        std::pair{"watts", watts}, std::pair{"idle_watts", idle_watts}})
    if (value > 0.0) json[key] = value;
  if (systolic)
    json["systolic"] = {
        {"rows", systolic->rows}, {"columns", systolic->columns}, {"arrays", systolic->arrays}};
  return json;
}

DeviceProfile DeviceProfile::from_json(const Json& json, const std::string& file) {
  Fields fields(json, file, "");
  DeviceProfile profile;
  profile.name = fields.text("name");
  if (profile.name.empty()) throw Error("a device's profile needs a name", fields.place("name"));
  profile.kind = fields.text("kind", "accelerator");
  profile.source = fields.text("source", file);
  profile.measured_at = fields.text("measured_at");
  for (const auto& [key, rates] :
       {std::pair{"peak", &profile.peak}, std::pair{"peak_one_thread", &profile.peak_one}}) {
    const Json* found = fields.find(key);
    if (found == nullptr) continue;
    if (!found->is_object()) throw Error("expected a rate by type", fields.place(key), "{\"f32\": 1e12}");
    for (const auto& [type, rate] : found->items()) {
      const Place at = fields.place(std::string(key) + "." + type);
      try {
        type_info(type);
      } catch (const Error& error) {
        throw Error(error.message(), at, error.hint());
      }
      (*rates)[type] = fields.rate_of(rate, at);
      if (!((*rates)[type].value > 0.0)) throw Error("a rate is above 0", at);
    }
  }
  if (profile.peak.empty())
    throw Error("there is no peak rate", fields.place("peak"), "\"peak\": {\"f32\": 1e12}");
  const Json* memory = fields.find("memory");
  if (memory == nullptr || !memory->is_array() || memory->empty())
    throw Error("expected a list of memory levels, the nearest first", fields.place("memory"),
                "[{\"name\": \"DRAM\", \"bytes\": 8e9, \"read\": 1e10}]");
  for (std::size_t i = 0; i < memory->size(); ++i) {
    Fields level((*memory)[i], file, fmt::format("memory.{}", i));
    MemoryLevel entry{level.text("name"), level.number("bytes"), level.rate("read"),
                      level.rate("read_one_thread"), level.rate("copy")};
    if (!(entry.read.value > 0.0)) throw Error("a rate is above 0", level.place("read"));
    level.end();
    // Of caches each counts for all cores: the second levels together may hold more than the third.
    const bool last = i + 1 == memory->size();
    if (last && entry.bytes > 0.0 &&
        std::any_of(profile.memory.begin(), profile.memory.end(),
                    [&](const MemoryLevel& nearer) { return nearer.bytes >= entry.bytes; }))
      throw Error("the last level holds no more than one before it", level.place("bytes"),
                  "the nearest level comes first, main memory last");
    profile.memory.push_back(std::move(entry));
  }
  profile.memory_bytes = fields.number("memory_bytes", profile.memory.back().bytes);
  profile.cores = fields.whole("cores");
  profile.overhead_s =
      fields.number("overhead_s", profile.kind == "cpu" ? kCpuOverhead_s : kAcceleratorOverhead_s);
  profile.overhead_assumed = fields.flag("overhead_assumed", true);
  profile.call_s = fields.number("call_s");
  profile.wakeup_s = fields.number("wakeup_s");
  profile.process_s = fields.number("process_s");
  profile.watts = fields.number("watts");
  profile.idle_watts = fields.number("idle_watts");
  if (profile.watts > 0.0 && profile.idle_watts > profile.watts)
    throw Error("an idle device takes no more power than a busy one", fields.place("idle_watts"));
  if (const Json* systolic = fields.find("systolic")) {
    Fields array(*systolic, file, "systolic");
    profile.systolic = SystolicArray{array.whole("rows"), array.whole("columns"), array.whole("arrays", 1)};
    if (profile.systolic->rows < 1 || profile.systolic->columns < 1 || profile.systolic->arrays < 1)
      throw Error("a systolic array has at least one row and one column", array.place("rows"));
    array.end();
  }
  fields.end();
  return profile;
}

DeviceProfile DeviceProfile::read(const std::string& path) {
  return from_json(parse_json(read_file(path), path), path);
}

std::string profile_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/')
    return std::string(cache) + "/hone/devices";
  const char* home = std::getenv("HOME");
  return (home != nullptr && home[0] != '\0' ? std::string(home) : "/tmp") + "/.cache/hone/devices";
}

std::string own_profile_path() {
  return fmt::format("{}/{}-{}-threads.json", profile_folder(), file_name(processor_name()),
                     std::thread::hardware_concurrency());
}

std::optional<DeviceProfile> own_profile() {
  const std::string path = own_profile_path();
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  return DeviceProfile::read(path);
}

DeviceProfile find_device(const std::string& what) {
  if (what == "this") {
    if (auto own = own_profile()) return *own;
    throw Error("this machine was not calibrated", Place{"", 0, "device"}, "run 'hone cost calibrate' once");
  }
  for (const DeviceProfile& device : published_devices())
    if (device.name == what) return device;
  std::error_code code;
  if (std::filesystem::is_regular_file(what, code)) return DeviceProfile::read(what);
  const std::string kept = profile_folder() + "/" + what + ".json";
  if (what.find('/') == std::string::npos && std::filesystem::is_regular_file(kept, code))
    return DeviceProfile::read(kept);
  // Last, so that a user's own file of that name goes before.
  for (const DeviceProfile& device : published_devices())
    if (accelerator_key(device.name) == accelerator_key(what)) return device;
  std::vector<std::string> names{"this"};
  for (const DeviceProfile& device : published_devices()) names.push_back(device.name);
  throw Error(fmt::format("there is no device or file '{}'", what), Place{"", 0, "device"},
              suggest(what, names));
}

}  // namespace hone::cost
