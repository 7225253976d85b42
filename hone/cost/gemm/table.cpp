#include "hone/cost/gemm/table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/json.h"
#include "hone/cost/csv.h"

namespace hone::cost {
namespace {

std::string gemm_lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The cells of one line by column name.
class GemmLine {
 public:
  GemmLine(const std::vector<std::string>& header, std::vector<std::string> cells, Place place)
      : header_(header), cells_(std::move(cells)), place_(std::move(place)) {}

  Place at(const std::string& column) const { return {place_.file, place_.line, column}; }
  const std::string& text(const std::string& column) const {
    static const std::string none;
    const auto found = std::find(header_.begin(), header_.end(), column);
    return found == header_.end() ? none : cells_[static_cast<std::size_t>(found - header_.begin())];
  }
  /// Nothing where the column or what stands in it is missing.
  std::optional<double> number(const std::string& column) const {
    const std::string& cell = text(column);
    if (cell.empty()) return std::nullopt;
    double value = 0.0;
    const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (code != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value))
      throw Error(fmt::format("'{}' is not a number", cell), at(column));
    return value;
  }
  std::int64_t whole(const std::string& column, std::int64_t low, std::int64_t high,
                     std::optional<std::int64_t> missing = std::nullopt) const {
    const auto value = number(column);
    if (!value && missing) return *missing;
    if (!value || *value != std::floor(*value) || *value < static_cast<double>(low) ||
        *value > static_cast<double>(high))
      throw Error(fmt::format("'{}' is not a whole number from {} to {}", text(column), low, high),
                  at(column));
    return static_cast<std::int64_t>(*value);
  }
  double positive(const std::string& column, double most) const {
    const auto value = number(column);
    if (!value || !(*value > 0.0) || *value > most)
      throw Error(fmt::format("'{}' is not above 0 and at most {:g}", text(column), most), at(column));
    return *value;
  }

 private:
  const std::vector<std::string>& header_;
  std::vector<std::string> cells_;
  Place place_;
};

constexpr std::int64_t kMostSize = 1'000'000'000;

GemmShape shape_of(const GemmLine& line) {
  return {line.whole("m", 1, kMostSize), line.whole("n", 1, kMostSize), line.whole("k", 1, kMostSize)};
}

/// "f32:column": the type, and whether it is stored by columns.
std::string operand(const GemmLine& line, const std::string& column, std::int64_t& by_column) {
  const std::string cell = gemm_lower(line.text(column));
  const std::size_t colon = cell.find(':');
  by_column = colon != cell.npos && cell.substr(colon + 1).starts_with("col") ? 1 : 0;
  const std::string type = cell.substr(0, colon);
  if (type.empty()) return "f32";
  return type.front() == 's' && type.size() <= 3 ? "i" + type.substr(1) : type;  // s8: i8
}

/// Names under which people join a power column.
constexpr const char* kPowerColumns[]{"power_w", "Power", "power", "Power [W]", "Power_W", "Power_Watts"};

/// False: the row says that it is no measurement.
bool cutlass_run(const GemmLine& line, GemmRun& run) {
  if (const std::string kind = gemm_lower(line.text("OperationKind")); !kind.empty() && kind != "gemm")
    throw Error(fmt::format("'{}' is no product of matrices", kind), line.at("OperationKind"),
                "hone reads what cutlass_profiler --operation=gemm wrote");
  const std::string status = gemm_lower(line.text("Status"));
  const std::string disposition = gemm_lower(line.text("Disposition"));
  if ((!status.empty() && status != "success") || disposition == "incorrect" || disposition == "failed")
    return false;
  const auto runtime = line.number("Runtime");
  if (!runtime || *runtime == 0.0) return false;
  run.runtime_s = line.positive("Runtime", 1e9) / 1000.0;
  run.shape = shape_of(line);
  run.type = operand(line, "A", run.config.column_a);
  std::int64_t ignored = 0;
  (void)operand(line, "B", run.config.column_b);
  const std::string out = line.text("D").empty() ? "C" : "D";
  const std::string out_type = operand(line, out, run.config.column_c);
  if (!line.text(out).empty() && out_type != run.type) run.out_type = out_type;
  run.sum_type = line.text("accum").empty() ? run.type : operand(line, "accum", ignored);
  (void)gemm_type_bytes(run.type, line.at("A"));
  (void)gemm_type_bytes(run.sum_type, line.at("accum"));
  if (!run.out_type.empty()) (void)gemm_type_bytes(run.out_type, line.at(out));
  run.batch = static_cast<double>(line.whole("batch_count", 1, kMostSize, 1));
  run.beta = line.number("beta").value_or(0.0);
  const std::pair<const char*, std::int64_t GemmConfig::*> columns[]{
      {"cta_m", &GemmConfig::tile_m},          {"cta_n", &GemmConfig::tile_n},
      {"cta_k", &GemmConfig::tile_k},          {"stages", &GemmConfig::stages},
      {"warps_m", &GemmConfig::warps_m},       {"warps_n", &GemmConfig::warps_n},
      {"warps_k", &GemmConfig::warps_k},       {"inst_m", &GemmConfig::inst_m},
      {"inst_n", &GemmConfig::inst_n},         {"inst_k", &GemmConfig::inst_k},
      {"split_k_slices", &GemmConfig::split_k}};
  for (const auto& [name, field] : columns) {
    const auto& fields = GemmConfig::fields();
    const auto known = std::find_if(fields.begin(), fields.end(),
                                    [&, value = field](const auto& one) { return one.value == value; });
    run.config.*field = line.whole(name, 0, known->most, 0);
  }
  run.config.tensor = gemm_lower(line.text("op_class")).find("tensor") != std::string::npos ? 1 : 0;
  for (const char* name : kPowerColumns)
    if (const auto power = line.number(name)) run.power_w = line.positive(name, 1e6);
  return true;
}

GemmRun own_run(const GemmLine& line) {
  GemmRun run;
  run.shape = shape_of(line);
  run.runtime_s = line.positive("runtime_s", 1e6);
  if (const std::string& type = line.text("type"); !type.empty()) run.type = type;
  const std::string& sums = line.text("sum_type");
  run.sum_type = sums.empty() ? run.type : sums;
  (void)gemm_type_bytes(run.type, line.at("type"));
  (void)gemm_type_bytes(run.sum_type, line.at("sum_type"));
  if (const std::string& out = line.text("out_type"); !out.empty() && out != run.type) {
    (void)gemm_type_bytes(out, line.at("out_type"));
    run.out_type = out;
  }
  run.batch = static_cast<double>(line.whole("batch", 1, kMostSize, 1));
  run.beta = line.number("beta").value_or(0.0);
  if (line.number("power_w")) run.power_w = line.positive("power_w", 1e6);
  run.spread = line.number("spread").value_or(kNaN);
  run.device = line.text("device");
  for (const GemmConfig::Field& field : GemmConfig::fields())
    run.config.*field.value = line.whole(field.name, 0, field.most, 0);
  return run;
}

std::vector<std::string> own_columns() {
  std::vector<std::string> names{"m", "n", "k", "type", "sum_type", "batch", "beta"};
  for (const GemmConfig::Field& field : GemmConfig::fields()) names.emplace_back(field.name);
  for (const char* name : {"runtime_s", "power_w", "spread", "device"}) names.emplace_back(name);
  return names;
}

void check_header(const std::vector<std::string>& header, bool cutlass, const Place& place) {
  const auto there = [&](const std::string& name) { return std::count(header.begin(), header.end(), name); };
  std::vector<std::string> own = own_columns();
  own.emplace_back("out_type");  // read, and never written: hone's own product keeps its type
  for (const std::string& name : header) {
    if (!name.empty() && there(name) > 1)
      throw Error("this column stands there twice", {place.file, place.line, name});
    if (!cutlass && std::find(own.begin(), own.end(), name) == own.end())
      throw Error("hone's tables have no such column", {place.file, place.line, name}, suggest(name, own));
  }
  for (const char* name : {"m", "n", "k"})
    if (there(name) == 0)
      throw Error(fmt::format("the column {} is missing", name), place,
                  "needed: m, n, k and runtime_s; or what cutlass_profiler writes (docs/formats.md)");
}

}  // namespace

double gemm_type_bytes(const std::string& type, const Place& place) {
  static const std::map<std::string, double> bytes{
      {"f64", 8.0},   {"f32", 4.0}, {"tf32", 4.0}, {"f16", 2.0},   {"bf16", 2.0}, {"i32", 4.0},
      {"i16", 2.0},   {"i8", 1.0},  {"u8", 1.0},   {"i4", 0.5},    {"u4", 0.5},   {"fe4m3", 1.0},
      {"fe5m2", 1.0}, {"u32", 4.0}, {"cf32", 8.0}, {"cf64", 16.0}, {"b1", 0.125}, {"fe2m1", 0.5}};
  const auto found = bytes.find(type);
  if (found == bytes.end()) {
    std::vector<std::string> names;
    for (const auto& [name, size] : bytes) names.push_back(name);
    throw Error(fmt::format("'{}' is no type of numbers that hone knows", type), place, suggest(type, names));
  }
  return found->second;
}

GemmTable parse_gemm_table(const std::string& given, const std::string& name) {
  const std::string_view text = without_mark(given);
  GemmTable table;
  table.file = name;
  std::vector<std::string> header;
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const bool ended = end != text.npos;
    const std::string_view line = text.substr(begin, ended ? end - begin : text.npos);
    begin = ended ? end + 1 : text.size();
    const Place place{name, ++number, ""};
    // Other bytes would be written to the terminal with the error that they give.
    for (const char c : line)
      if (const auto byte = static_cast<unsigned char>(c);
          (byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f)
        throw Error(fmt::format("this is no text: it has the byte {:#04x}", byte), place,
                    "a table is a CSV file (docs/formats.md)");
    auto read = csv_cells(line);
    if (!read && !ended && !header.empty() && !table.cutlass) break;
    if (!read) throw Error("a quoted cell does not end on its line, or something follows it", place);
    std::vector<std::string> cells = std::move(*read);
    if (cells.size() == 1 && cells[0].empty()) continue;
    if (header.empty()) {
      header = std::move(cells);
      const auto has = [&](const char* column) {
        return std::find(header.begin(), header.end(), column) != header.end();
      };
      table.cutlass = has("Runtime") && (has("cta_m") || has("OperationKind"));
      check_header(header, table.cutlass, place);
      if (!table.cutlass && !has("runtime_s"))
        throw Error("the column runtime_s is missing", place,
                    "needed: m, n, k and runtime_s; or what cutlass_profiler writes (docs/formats.md)");
      continue;
    }
    if (cells.size() != header.size()) {
      if (!ended && !table.cutlass && cells.size() < header.size()) break;
      throw Error(fmt::format("{} cells where the header has {}", cells.size(), header.size()), place);
    }
    // A number that was cut off may still be one; only a line with its end is whole.
    if (!ended && !table.cutlass && given.size() > 0 && header.back() == "device") {
      const std::string& device = cells.back();
      if (table.runs.empty() || table.runs.back().device != device) break;
    }
    const GemmLine parsed(header, std::move(cells), place);
    GemmRun run;
    if (!table.cutlass) {
      run = own_run(parsed);
    } else if (!cutlass_run(parsed, run)) {
      ++table.failed;
      continue;
    }
    run.line = number;
    table.power = table.power || std::isfinite(run.power_w);
    table.runs.push_back(std::move(run));
  }
  if (header.empty()) throw Error("the table is empty", Place{name, 0, ""});
  return table;
}

GemmTable read_gemm_table(const std::string& path) { return parse_gemm_table(read_file(path), path); }

std::string gemm_table_header(bool power) {
  std::string text;
  for (const std::string& name : own_columns())
    if (power || name != "power_w") text += (text.empty() ? "" : ",") + name;
  return text + "\n";
}

std::string gemm_table_line(const GemmRun& run, bool power) {
  std::string text = fmt::format("{},{},{},{},{},{},{}", run.shape.m, run.shape.n, run.shape.k, run.type,
                                 run.sum_type, real_text(run.batch), real_text(run.beta));
  for (const GemmConfig::Field& field : GemmConfig::fields())
    text += run.config.*field.value != 0 ? fmt::format(",{}", run.config.*field.value) : std::string(",");
  text += fmt::format(",{:.6g}", run.runtime_s);
  if (power) text += std::isfinite(run.power_w) ? fmt::format(",{:.5g}", run.power_w) : std::string(",");
  text += std::isfinite(run.spread) ? fmt::format(",{:.3g}", run.spread) : std::string(",");
  return text + "," + run.device + "\n";
}

}  // namespace hone::cost
