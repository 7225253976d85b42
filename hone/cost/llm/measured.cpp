#include "hone/cost/llm/measured.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>

#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/cost/csv.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

/// Context behind a step of decoding where only its mean over short outputs was published.
constexpr double kShortContext = 128.0;
/// A request's time that differs more from its parts' sum holds something else: waiting, swapping, a cut.
constexpr double kUnlike = 0.05;
/// Prompt tokens that a server computes at once, where memory is reckoned.
constexpr double kPromptAtOnce = 2048.0;
/// A step that takes less than this share of the roofline's time is none of that model. Not nearer to 1:
/// weights of 4 bits are read in a quarter of the time.
constexpr double kPossible = 0.2;

std::string rows_text(std::int64_t count, const char* one, const char* several) {
  return count == 1 ? fmt::format("1 row {}", one) : fmt::format("{} rows {}", count, several);
}

double context_of(const ServingRow& row) { return row.prompt_tokens + 0.5 * row.output_tokens; }

/// Throws where the row cannot be of the deployment.
void check_possible(const LlmDeployment& deployment, const ServingRow& row) {
  const auto check = [&](const char* what, double seconds, double least) {
    if (seconds < kPossible * least)
      throw Error(fmt::format("{} of {:.3g} ms is impossible: memory and arithmetic of {} {} take {:.3g} ms",
                              what, 1e3 * seconds, row.tensor_parallel, row.hardware, 1e3 * least),
                  row.place, "the table's times are milliseconds, and weights are taken to be of 16 bits");
  };
  // Of one prompt: tables differ in whether a batch's are read together.
  check("prompt_time", row.prompt_s, roofline_prompt_s(deployment, 1.0, row.prompt_tokens));
  check("token_time", row.token_s, roofline_decode_s(deployment, row.batch, context_of(row)));
}

}  // namespace

DeploymentNotes DeploymentNotes::read(const std::string& path) {
  DeploymentNotes read;
  read.file = path;
  if (!std::filesystem::is_regular_file(path)) return read;
  const Json json = parse_json(read_file(path), path);
  if (!json.is_object()) throw Error("deployments are a JSON object by name", Place{path, 0, ""});
  for (const auto& [name, entry] : json.items()) {
    if (!entry.is_object()) throw Error("a deployment is a JSON object", Place{path, 0, name});
    read.notes[name] = entry;
  }
  return read;
}

std::int64_t published_accelerators(const std::string& name) {
  // As *Cheaply Evaluating Inference Efficiency Metrics for Autoregressive Transformer APIs* ran them.
  static const std::map<std::string, std::int64_t> known{
      {"openai/ada", 1},          {"openai/curie", 1},
      {"openai/davinci", 8},      {"together/opt-175b", 8},
      {"ai21/j1-large", 1},       {"ai21/j1-grande", 1},
      {"ai21/j1-jumbo", 8},       {"cohere/xlarge-20220609", 4},
      {"microsoft/TNLGv2_7B", 1}, {"microsoft/TNLGv2_530B", 24},
      {"huggingface/gptj_6b", 1}, {"gooseai/gpt-j-6b", 1},
      {"together/gpt-j-6b", 1},   {"anthropic/stanford-online-all-v4-s3", 4},
      {"together/yalm", 4},       {"together/bloom", 8},
  };
  const auto found = known.find(name);
  return found == known.end() ? 0 : found->second;
}

std::optional<LlmDeployment> deployment_named(const std::string& name, const Accelerator& device,
                                              const DeploymentNotes& notes) {
  LlmDeployment deployment;
  deployment.accelerator = device;
  std::int64_t count = published_accelerators(name), tensor = 0;
  std::optional<LlmArchitecture> model;
  if (const auto noted = notes.notes.find(name); noted != notes.notes.end()) {
    const Place place{notes.file, 0, name};
    const auto whole = [&](const char* key, std::int64_t fallback) {
      if (!noted->second.contains(key)) return fallback;
      const Json& value = noted->second[key];
      if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > 100000)
        throw Error(fmt::format("{} is not a whole number from 1 on", key), place);
      return value.get<std::int64_t>();
    };
    if (noted->second.contains("architecture")) {
      const Json& architecture = noted->second["architecture"];
      model = architecture.is_string() ? need_architecture(architecture.get<std::string>(), place)
                                       : architecture_of_json(architecture, place);
    }
    if (noted->second.contains("accelerator") && noted->second["accelerator"].is_string())
      deployment.accelerator = accelerator(noted->second["accelerator"].get<std::string>(), place);
    count = whole("accelerators", count);
    tensor = whole("tensor_parallel", 0);
    if (tensor > 0 && count == 0) count = tensor;
  }
  if (!model) model = find_architecture(name);
  if (!model)
    if (const auto size = parameters_in_name(name); size && *size >= 1e7 && *size <= 1e13) {
      model = architecture_of_size(*size);
      model->name = name;
    }
  if (!model) return std::nullopt;
  deployment.model = *model;
  if (count == 0) return fitted(deployment, 1.0, 2048.0, 2048.0);
  if (tensor == 0) return split_over(deployment, count);
  if (count % tensor != 0)
    throw Error(fmt::format("{} accelerators are not shared by {}", count, tensor),
                Place{notes.file, 0, name});
  deployment.tensor_parallel = tensor;
  deployment.pipeline_parallel = count / tensor;
  check_split(deployment, Place{notes.file, 0, name});
  return deployment;
}

std::vector<MeasuredDeployment> measured_deployments(const std::vector<LlmRuntime>& runtimes,
                                                     const Accelerator& device, const DeploymentNotes& notes,
                                                     std::vector<std::string>* unknown) {
  const auto groups = measurement_groups(runtimes);
  std::vector<MeasuredDeployment> measured;
  for (std::size_t i = 0; i < runtimes.size(); ++i) {
    const auto deployment = deployment_named(runtimes[i].name, device, notes);
    if (!deployment) {
      if (unknown != nullptr) unknown->push_back(runtimes[i].name);
      continue;
    }
    MeasuredDeployment one{runtimes[i].name, *deployment, {}, groups[i]};
    if (runtimes[i].token_s > 0.0)
      one.steps.push_back({true, runtimes[i].batch, kShortContext, runtimes[i].token_s});
    for (std::size_t p = 0; p < runtimes[i].prompt_tokens.size(); ++p)
      if (runtimes[i].prompt_s[p] > 0.0)
        one.steps.push_back(
            {false, runtimes[i].batch, runtimes[i].prompt_tokens[p], runtimes[i].prompt_s[p]});
    measured.push_back(std::move(one));
  }
  // A measurement whose model is published speaks for copies whose size is assumed.
  std::stable_sort(measured.begin(), measured.end(), [](const auto& a, const auto& b) {
    return !a.deployment.model.assumed && b.deployment.model.assumed;
  });
  return measured;
}

std::optional<std::vector<ServingRow>> read_serving_table(const std::string& path) {
  static constexpr const char* kNames[]{"model",       "hardware",    "tensor_parallel",
                                        "batch_size",  "prompt_size", "token_size",
                                        "prompt_time", "token_time",  "e2e_time"};
  constexpr std::size_t kNeeded = 8;
  const std::string file = read_file(path);
  const std::string_view text = without_mark(file);
  std::vector<ServingRow> rows;
  std::vector<std::size_t> column(std::size(kNames), std::string::npos);
  int number = 0;
  std::size_t width = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    const Place place{path, ++number, ""};
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto read_cells = csv_cells(line);
    if (!read_cells && width == 0) return std::nullopt;
    if (!read_cells) throw Error("a quoted cell does not end on its line, or something follows it", place);
    const std::vector<std::string>& cells = *read_cells;
    if (width == 0) {
      width = cells.size();
      std::vector<std::string> missing;
      for (std::size_t i = 0; i < std::size(kNames); ++i) {
        const auto found = std::find(cells.begin(), cells.end(), kNames[i]);
        if (found != cells.end()) column[i] = static_cast<std::size_t>(found - cells.begin());
        if (i < kNeeded && found == cells.end()) missing.push_back(kNames[i]);
      }
      // Some files beside a table are of something else; one with most of its columns is meant as one.
      if (2 * missing.size() >= kNeeded) return std::nullopt;
      if (!missing.empty())
        throw Error(fmt::format("a table of serving measurements lacks the column{} {}",
                                missing.size() > 1 ? "s" : "", fmt::join(missing, ", ")),
                    place, "see docs/llm-costs.md for its columns");
      continue;
    }
    if (cells.size() != width)
      throw Error(fmt::format("{} cells where the header has {}", cells.size(), width), place);
    const auto value = [&](std::size_t i) {
      double read = 0.0;
      const std::string& cell = cells[column[i]];
      const auto [stop, code] = std::from_chars(cell.data(), cell.data() + cell.size(), read);
      if (code != std::errc() || stop != cell.data() + cell.size() || !(read > 0.0) || !std::isfinite(read))
        throw Error(fmt::format("'{}' is not a positive number", cell), Place{path, number, kNames[i]});
      return read;
    };
    const auto whole = [&](std::size_t i) {
      const double read = value(i);
      if (read != std::floor(read) || read > 1e9)
        throw Error(fmt::format("'{}' is not a whole number from 1 on", cells[column[i]]),
                    Place{path, number, kNames[i]});
      return read;
    };
    rows.push_back({cells[column[0]], cells[column[1]], static_cast<std::int64_t>(whole(2)), whole(3),
                    whole(4), whole(5), value(6) * 1e-3, value(7) * 1e-3,
                    column[8] == std::string::npos ? 0.0 : value(8) * 1e-3, place});
  }
  return rows;
}

std::string ServingRest::text() const {
  std::vector<std::string> parts;
  if (unlike > 0)
    parts.push_back(rows_text(unlike, "whose parts do not add up to its e2e_time",
                              "whose parts do not add up to their e2e_time"));
  if (swapped > 0)
    parts.push_back(rows_text(swapped, "that does not fit the memory", "that do not fit the memory"));
  if (!unknown.empty())
    parts.push_back(fmt::format("names that are not known ({})", fmt::join(unknown, ", ")));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<MeasuredDeployment> measured_deployments(const std::vector<ServingRow>& rows,
                                                     const DeploymentNotes& notes, ServingRest* rest) {
  ServingRest left_out;
  if (rest == nullptr) rest = &left_out;
  *rest = {};
  using Key = std::tuple<std::string, std::string, std::int64_t>;
  using Size = std::tuple<bool, double, double, double>;
  std::map<Key, std::vector<const ServingRow*>> kept;
  for (const ServingRow& row : rows) {
    const double sum = row.prompt_s + (row.output_tokens - 1.0) * row.token_s;
    if (row.request_s > 0.0 && std::abs(sum / row.request_s - 1.0) > kUnlike)
      ++rest->unlike;
    else
      kept[{row.model, row.hardware, row.tensor_parallel}].push_back(&row);
  }
  std::vector<MeasuredDeployment> measured;
  std::map<std::tuple<std::string, std::int64_t, std::vector<double>>, std::size_t> groups;
  for (const auto& [key, own] : kept) {
    const auto& [model, hardware, tensor] = key;
    const auto device = find_accelerator(hardware);
    const auto named = device ? deployment_named(model, *device, notes) : std::nullopt;
    if (!named) {
      const std::string& what = device ? model : hardware;
      if (std::find(rest->unknown.begin(), rest->unknown.end(), what) == rest->unknown.end())
        rest->unknown.push_back(what);
      continue;
    }
    MeasuredDeployment one{fmt::format("{} on {} {}", model, tensor, hardware), *named, {}, measured.size()};
    one.deployment.tensor_parallel = tensor;
    one.deployment.pipeline_parallel = 1;
    one.deployment.accelerator.name = hardware;
    check_split(one.deployment, own.front()->place);
    std::map<Size, std::vector<double>> sizes;
    for (const ServingRow* row : own) {
      check_possible(one.deployment, *row);
      sizes[{false, row->batch, row->prompt_tokens, row->prompt_tokens}].push_back(row->prompt_s);
      sizes[{true, row->batch, context_of(*row), row->prompt_tokens}].push_back(row->token_s);
    }
    std::vector<double> tokens;
    for (const auto& [size, seconds] : sizes) {
      const auto& [decode, batch, count, prompt] = size;
      if (decode) tokens.push_back(predict::median(seconds));
      if (!llm_memory(one.deployment, batch, count, std::min(count, kPromptAtOnce)).fits()) {
        // Whoever's prompt does not fit, its tokens do not either.
        if (decode) rest->swapped += static_cast<std::int64_t>(seconds.size());
        continue;
      }
      one.steps.push_back({decode, batch, count, predict::median(seconds), prompt});
    }
    one.group = groups.emplace(std::tuple{model, tensor, tokens}, one.group).first->second;
    if (!one.steps.empty()) measured.push_back(std::move(one));
  }
  return measured;
}

double times_the_roofline(const std::vector<MeasuredDeployment>& measured) {
  for (const bool decode : {true, false}) {
    std::vector<double> times;
    for (const auto& one : measured)
      for (const auto& step : one.steps)
        if (step.decode == decode)
          times.push_back(step.seconds / (decode ? roofline_decode_s : roofline_prompt_s)(
                                             one.deployment, step.batch, step.tokens));
    if (!times.empty()) return predict::median(times);
  }
  return kNaN;
}

}  // namespace hone::cost
