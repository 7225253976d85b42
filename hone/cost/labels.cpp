#include "hone/cost/labels.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/base/parsed_json.h"

namespace hone::cost {

namespace {

constexpr int kLabelsVersion = 2;  // 2: lines of another visit

bool name_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '.' ||
         letter == '$' || letter == '-';
}

}  // namespace

double Label::target(const std::string& name) const {
  const auto found = targets.find(name);
  return found == targets.end() ? kNaN : found->second;
}

Json Label::json() const {
  Json json = {{"id", id}, {"family", family}, {"group", group}, {"structure", structure.hex()}};
  if (!schedule.empty()) json["schedule"] = schedule;
  if (!failed.empty()) {
    json["failed"] = failed;
    return json;
  }
  json["text"] = text;
  for (const auto& [name, value] : targets) json["targets"][name] = real_to_json(value);
  json["spread"] = spread;
  if (disturbed) json["disturbed"] = true;
  if (visits > 1) json["visits"] = visits;
  return json;
}

namespace {

Label label_of(const ParsedObject& members) {
  Label label;
  label.id = members.need("id").get_uint64().value();
  label.family = members.text("family");
  label.group = members.text("group");
  label.schedule = members.text("schedule", "");
  if (const auto structure = members.find("structure"))
    label.structure = Key::from_hex(structure->get_string().value());
  label.failed = members.text("failed", "");
  if (!label.failed.empty()) return label;
  label.text = members.text("text");
  const simdjson::dom::object targets = members.need("targets").get_object().value();
  for (const auto& [name, value] : targets) label.targets[std::string(name)] = real_of(value);
  label.spread = members.real("spread", 0.0);
  label.disturbed = members.flag("disturbed");
  label.visits = static_cast<int>(std::clamp<std::int64_t>(members.integer("visits", 1), 1, 1000000));
  return label;
}

}  // namespace

Label Label::from_text(std::string_view json) {
  static thread_local simdjson::dom::parser parser;
  try {
    return label_of(ParsedObject(parser.parse(json.data(), json.size()).value()));
  } catch (const simdjson::simdjson_error& error) {
    throw Error("this is no label", Place{}, "see \"Labels\" in docs/formats.md; hone-label writes them");
  }
}

Label joined(const Label& before, const Label& again) {
  const double first = before.target("run_s"), second = again.target("run_s");
  Label label = again.disturbed && (!before.disturbed || first <= second) ? before : again;
  label.disturbed =
      before.disturbed && again.disturbed && std::max(first, second) > 1.05 * std::min(first, second);
  label.visits = before.visits + again.visits;
  return label;
}

Json code_target_json(const mlir::CodeTarget& target) {
  return {{"vector_bytes", target.vector_bytes},        {"vector_registers", target.vector_registers},
          {"unrolled_ops", target.unrolled_ops},        {"masked_store_cycles", target.masked_store_cycles},
          {"gather_cycles", target.gather_cycles},      {"gathered_lane_cycles", target.gathered_lane_cycles},
          {"cache_bytes", target.cache_bytes},          {"cache_ways", target.cache_ways},
          {"translated_pages", target.translated_pages}};
}

namespace {

/// Throws Json's exceptions and Error.
mlir::CodeTarget target_from_json(const Json& json) {
  mlir::CodeTarget target{json.at("vector_bytes").get<double>(), json.at("vector_registers").get<double>(),
                          json.at("unrolled_ops").get<double>(), json.value("masked_store_cycles", 1.0),
                          json.value("gather_cycles", 0.0),      json.value("gathered_lane_cycles", 0.0)};
  const auto possible = [](double value, double least) { return value >= least && value <= 65536.0; };
  if (json.contains("cache_bytes")) target.cache_bytes = json["cache_bytes"].get<std::array<double, 3>>();
  if (json.contains("cache_ways")) target.cache_ways = json["cache_ways"].get<std::array<double, 2>>();
  target.translated_pages = json.value("translated_pages", target.translated_pages);
  double smaller = 1024.0;
  for (const double bytes : target.cache_bytes) {
    if (!(bytes >= smaller && bytes <= 1e13))
      throw Error("caches are out of range or out of order", Place{"", 0, "code_target.cache_bytes"});
    smaller = bytes;
  }
  if (!possible(target.vector_bytes, 1.0) || !possible(target.vector_registers, 1.0) ||
      !possible(target.unrolled_ops, 0.0) || !possible(target.masked_store_cycles, 1.0) ||
      !possible(target.gather_cycles, 0.0) || !possible(target.gathered_lane_cycles, 0.0) ||
      !possible(target.cache_ways[0], 1.0) || !possible(target.cache_ways[1], 1.0) ||
      !(target.translated_pages >= 1.0 && target.translated_pages <= 1e9))
    throw Error("what code was made for is out of range", Place{"", 0, "code_target"});
  return target;
}

/// As LLVM 19 has it for processors by its name of them, many of those with AVX-512 keeping to 32 bytes.
/// Without a name, what labels were made for before files said it.
mlir::CodeTarget target_of_cpu(const std::string& cpu) {
  const auto one_of = [&](std::initializer_list<const char*> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const char* part) { return cpu.find(part) != std::string::npos; });
  };
  if (cpu.empty() || one_of({"znver4", "znver5"})) return {64.0, 32.0, 108.0};
  if (one_of({"sapphirerapids", "emeraldrapids", "graniterapids"})) return {32.0, 32.0, 72.0};
  if (one_of({"avx512", "cascadelake", "cooperlake", "cannonlake", "icelake", "tigerlake", "rocketlake"}))
    return {32.0, 32.0, 50.0};
  if (cpu == "znver3") return {32.0, 16.0, 96.0, 12.0};
  if (one_of({"znver"})) return {32.0, 16.0, 0.0};
  return {32.0, 16.0, one_of({"alderlake", "raptorlake", "meteorlake", "arrowlake"}) ? 72.0 : 50.0};
}

}  // namespace

mlir::CodeTarget LabelProvenance::target() const { return code_target.value_or(target_of_cpu(cpu)); }

mlir::CodeTarget code_target_of(const Json& provenance) {
  if (!provenance.is_object()) return {};
  try {
    if (provenance.contains("code_target")) return target_from_json(provenance["code_target"]);
    return target_of_cpu(provenance.value("cpu", ""));
  } catch (const Json::exception&) {
    throw Error("this says nothing of a machine's vectors", Place{"", 0, "provenance.code_target"});
  }
}

Json LabelProvenance::json() const {
  Json json = {{"format", kLabelFormat},
               {"version", kLabelsVersion},
               {"machine", machine},
               {"cpu", cpu},
               {"compiler", compiler},
               {"flags", flags},
               {"date", date},
               {"generator", {{"version", generator}, {"seed", seed}, {"families", families}}}};
  if (code_target) json["code_target"] = code_target_json(*code_target);
  for (const auto& [name, value] : measured) json["measured"][name] = real_to_json(value);
  return json;
}

LabelProvenance LabelProvenance::from_json(const Json& json) {
  if (json.value("format", "") != kLabelFormat) throw Error("this is no data set of labels");
  if (json.at("version").get<int>() > kLabelsVersion)
    throw Error(fmt::format("the data set has the format's version {}, newer than this program's {}",
                            json.at("version").get<int>(), kLabelsVersion));
  LabelProvenance from;
  from.machine = json.value("machine", "");
  from.cpu = json.value("cpu", "");
  from.compiler = json.value("compiler", "");
  from.flags = json.value("flags", "");
  from.date = json.value("date", "");
  if (json.contains("generator")) {
    from.generator = json["generator"].value("version", 0);
    from.seed = json["generator"].value("seed", std::uint64_t{0});
    from.families = json["generator"].value("families", std::vector<std::string>{});
  }
  if (json.contains("code_target")) from.code_target = target_from_json(json["code_target"]);
  if (json.contains("measured"))
    for (const auto& [name, value] : json["measured"].items()) from.measured[name] = json_to_real(value);
  return from;
}

bool LabelProvenance::same_source(const LabelProvenance& other) const {
  return machine == other.machine && cpu == other.cpu && compiler == other.compiler && flags == other.flags &&
         seed == other.seed && generator == other.generator && families == other.families;
}

namespace {

constexpr double kLongestRun = 1e6;  // seconds: nobody waits for longer
constexpr double kMostCounted = 1e30;

/// Throws Error where a target is no measurement.
void check_targets(const Label& label) {
  for (const auto& [name, value] : label.targets) {
    const bool possible =
        name == "run_s" ? value > 0.0 && value <= kLongestRun : !(std::abs(value) > kMostCounted);
    if (!possible)
      throw Error(fmt::format("{} of label {} cannot be {}", name, label.id, value), Place{},
                  name == "run_s" ? "seconds are above 0" : "");
  }
}

}  // namespace

LabelSet read_labels(const std::string& path) {
  const std::string content = read_file(path);
  LabelSet set;
  set.file = path;
  std::unordered_map<std::uint64_t, std::size_t> places;  // of labels by id
  int line = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    ++line;
    const std::size_t end = content.find('\n', begin);
    if (end == std::string::npos) break;  // cut off while it was written
    const std::string_view text(content.data() + begin, end - begin);
    begin = end + 1;
    if (text.empty()) continue;
    try {
      if (line == 1) {
        set.provenance = LabelProvenance::from_json(Json::parse(text));
      } else {
        Label label = Label::from_text(text);
        check_targets(label);
        const auto [place, fresh] = places.try_emplace(label.id, set.labels.size());
        if (!fresh && label.visits > 1 && set.labels[place->second].structure == label.structure)
          set.labels[place->second] = std::move(label);
        else
          set.labels.push_back(std::move(label));
      }
    } catch (const Error& error) {
      throw Error(error.message(), Place{path, line, ""}, error.hint());
    } catch (const Json::exception& error) {
      throw Error("this is no data set of labels", Place{path, line, ""},
                  "see \"Labels\" in docs/formats.md; hone-label writes them");
    }
  }
  if (line == 0 || set.provenance.compiler.empty())
    throw Error("this is no data set of labels", Place{path, 1, ""}, "hone-label writes them");
  return set;
}

std::string structure_text(const std::string& text) {
  std::unordered_map<std::string, std::string> names;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char letter = text[i];
    if (letter == '/' && i + 1 < text.size() && text[i + 1] == '/') {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (letter == '"') {
      const std::size_t begin = i++;
      while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      i = std::min(i + 1, text.size());
      out.append(text, begin, i - begin);
    } else if ((letter == '%' || letter == '@' || letter == '#' || letter == '^') && i + 1 < text.size() &&
               name_letter(text[i + 1])) {
      const std::size_t begin = i++;
      while (i < text.size() && name_letter(text[i]) &&
             !(text[i] == '-' && i + 1 < text.size() && text[i + 1] == '>'))
        ++i;
      std::string name = text.substr(begin, i - begin);
      // "#linalg.iterator_type" and its like are attributes of a dialect, no aliases.
      if (letter == '#' && name.find('.') != std::string::npos) {
        out += name;
        continue;
      }
      const auto [place, fresh] = names.try_emplace(std::move(name), "");
      if (fresh) place->second = fmt::format("{}{}", letter, names.size());
      out += place->second;
    } else if (std::isspace(static_cast<unsigned char>(letter)) != 0) {
      while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i])) != 0) ++i;
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += letter;
      ++i;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Split split_of(const Label& label, const SplitOptions& options) {
  const bool by_family = !options.held_out.empty();
  if (by_family &&
      std::find(options.held_out.begin(), options.held_out.end(), label.family) != options.held_out.end())
    return Split::test;
  const Key key = KeyBuilder().text(label.group).integer(static_cast<std::int64_t>(options.seed)).build();
  const double place = static_cast<double>(key.low >> 11) * 0x1p-53;
  if (!by_family && place < options.test) return Split::test;
  return place < (by_family ? 0.0 : options.test) + options.validation ? Split::validation : Split::train;
}

bool is_timed(const std::string& target) {
  return target == "run_s" || target.ends_with("_per_s") || target.ends_with("utilisation");
}

}  // namespace hone::cost
