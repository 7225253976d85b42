#include "hone/task/command_lines.h"

#include <cmath>

#include <fmt/format.h>

#include "hone/base/json.h"
#include "hone/base/numbers.h"

namespace hone::task {
namespace {

constexpr std::size_t kMaxName = 200;
constexpr std::size_t kMaxMeasures = 1000;
constexpr double kMaxFidelity = 9007199254740992.0;  // 2^53

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The line as JSON proper: NaN and infinities, which JSON lacks, as the texts that json_to_real reads.
std::string with_texts_for_nan(std::string_view line) {
  std::string json;
  json.reserve(line.size() + 8);
  bool in_text = false;
  for (std::size_t i = 0; i < line.size();) {
    const char c = line[i];
    if (in_text || !is_letter(c)) {
      json += c;
      ++i;
      if (c == '"') in_text = !in_text;
      if (in_text && c == '\\' && i < line.size()) json += line[i++];
      continue;
    }
    std::size_t end = i;
    while (end < line.size() && is_letter(line[end])) ++end;
    const std::string_view word = line.substr(i, end - i);
    i = end;
    const bool nan = word == "NaN" || word == "nan";
    const bool infinity = word == "Infinity" || word == "inf";
    if (!nan && !infinity) {
      json += word;
      continue;
    }
    const bool negative = !json.empty() && json.back() == '-';
    if (negative) json.pop_back();
    json += nan ? "\"nan\"" : negative ? "\"-inf\"" : "\"inf\"";
  }
  return json;
}

/// A number, or what stands for one; nullopt for other texts, lists and tables.
std::optional<double> as_number(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_null()) return kNaN;
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "nan" || text == "inf" || text == "-inf") return json_to_real(value);
  return std::nullopt;
}

/// Fills the line from text that is not all blank; returns the problem, or "".
std::string read(std::string_view text, JsonLines::Line& line) {
  // Cheap for what was never meant to be a report, gigabytes of it.
  const char* const no_object = "is not a JSON object";
  if (text[text.find_first_not_of(" \t\r")] != '{') return no_object;
  const Json json = Json::parse(with_texts_for_nan(text), nullptr, false);
  if (json.is_discarded()) return "is not valid JSON, or has a number too large for a double";
  if (!json.is_object()) return no_object;
  for (const auto& [name, value] : json.items()) {
    if (name == "fidelity") {
      const auto number = as_number(value);
      if (!number || !(*number >= 0.0 && *number <= kMaxFidelity) || *number != std::floor(*number))
        return "has a fidelity that is no whole number";
      line.fidelity = static_cast<std::int64_t>(*number);
    } else if (name == "signature") {
      if (!value.is_array()) return "has a signature that is no list of numbers";
      for (const auto& item : value) {
        const auto number = as_number(item);
        if (!number) return "has a signature that is no list of numbers";
        line.signature.push_back(*number);
      }
    } else if (const auto number = as_number(value)) {
      if (name.empty() || name.size() > kMaxName || printable(name, kMaxName) != name)
        return "has a measure without a usable name";
      if (line.measures.entries().size() >= kMaxMeasures)
        return fmt::format("has more than {} measures", kMaxMeasures);
      line.measures.set(name, *number);
    } else if (line.texts.size() < kMaxMeasures) {
      line.texts.push_back(name);
    }
  }
  return {};
}

/// Length of the UTF-8 character that begins at `text`; 0: none does.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80             ? 1
                             : (byte(0) & 0xe0) == 0xc0 ? 2
                             : (byte(0) & 0xf0) == 0xe0 ? 3
                             : (byte(0) & 0xf8) == 0xf0 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string shown;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (shown.size() + std::max<std::size_t>(length, 1) > most) return shown + "...";
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    if (length == 0 || control)
      shown += '?';
    else
      shown += text.substr(i, length);
    i += std::max<std::size_t>(length, 1);
  }
  return shown;
}

std::vector<JsonLines::Line> JsonLines::add(std::string_view bytes) {
  std::vector<Line> lines;
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline);
    const std::size_t room = max_line_ - line_.size();
    line_ += part.substr(0, room);
    too_long_ = too_long_ || part.size() > room;
    if (newline == std::string_view::npos) break;
    finish(lines);
    bytes.remove_prefix(newline + 1);
  }
  return lines;
}

std::vector<JsonLines::Line> JsonLines::end() {
  std::vector<Line> lines;
  if (!line_.empty() || too_long_) finish(lines);
  return lines;
}

void JsonLines::finish(std::vector<Line>& lines) {
  ++number_;
  const std::size_t first = line_.find_first_not_of(" \t\r");
  if (first != std::string::npos && (!among_others_ || line_[first] == '{')) {
    Line line;
    line.number = number_;
    line.problem = too_long_ ? fmt::format("is longer than {} bytes", max_line_) : read(line_, line);
    if (!line.problem.empty()) {
      line = Line{number_, line.problem, printable(line_, 120), {}, {}, {}, {}};
    }
    lines.push_back(std::move(line));
  }
  line_.clear();
  too_long_ = false;
}

}  // namespace hone::task
