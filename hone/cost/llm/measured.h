#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/cost/llm/calibrate.h"

namespace hone::cost {

/// What a folder's `deployments.json` says, {"NAME": {"architecture": NAME or {...}, "accelerators": 8,
/// "accelerator": "a100-80gb", "tensor_parallel": 8}}, every key optional; names as in the files of runtimes.
struct DeploymentNotes {
  std::map<std::string, Json> notes;
  std::string file;
  static DeploymentNotes read(const std::string& path);  ///< none where there is no such file
};

/// The deployment that a name stands for: from the notes, else from what is known of it, else guessed from a
/// size in the name; the number of accelerators from the notes, else what was published, else the fewest that
/// hold it. `device` is the accelerator where the notes name none. Nothing where the architecture is unknown.
std::optional<LlmDeployment> deployment_named(const std::string& name, const Accelerator& device,
                                              const DeploymentNotes& notes = {});
/// Accelerators that a published deployment used; 0: not known.
std::int64_t published_accelerators(const std::string& name);

/// Runtimes (idealized: measured on `device` without contention) as measured deployments: beta as a step of
/// decoding, alpha as prompts. Those whose architecture is unknown are left out and named in `unknown`.
std::vector<MeasuredDeployment> measured_deployments(const std::vector<LlmRuntime>& runtimes,
                                                     const Accelerator& device, const DeploymentNotes& notes,
                                                     std::vector<std::string>* unknown = nullptr);

/// One row of a table of serving measurements.
struct ServingRow {
  std::string model, hardware;
  std::int64_t tensor_parallel = 1;
  double batch = 1.0, prompt_tokens = 1.0, output_tokens = 1.0;
  double prompt_s = 0.0, token_s = 0.0, request_s = 0.0;  ///< request_s: 0 where the table has none
  Place place = {};                                       ///< of the row in its file
};

/// Reads a CSV table with the columns model, hardware, tensor_parallel, batch_size, prompt_size, token_size,
/// prompt_time and token_time (and e2e_time), times in milliseconds: the form of *Splitwise: Efficient
/// generative LLM inference using phase splitting*. Nothing where the header lacks half of them or more: the
/// file is of something else. Throws Error where it lacks fewer, with their names, and with the line of a
/// malformed row.
std::optional<std::vector<ServingRow>> read_serving_table(const std::string& path);

/// What a table of serving measurements holds that is no measurement of a model's speed.
struct ServingRest {
  std::vector<std::string> unknown;  ///< models of unknown architecture, accelerators without a profile
  std::int64_t unlike = 0;           ///< rows whose prompt and tokens do not add up to the request's time
  std::int64_t swapped = 0;          ///< rows that do not fit the accelerators' memory
  /// "2 rows whose parts do not add up to e2e_time, 1 row that does not fit the memory"; "" where there is
  /// nothing.
  std::string text() const;
};

/// Repeats as their median, by deployment. Copies (the same token times for the same model and parallelism on
/// hardware of another name) share a group. What `rest` names is left out. Throws Error at a row whose model
/// cannot be split so, or whose prompt or token takes less than a fifth of what reading the weights in 16
/// bits or the products take at the accelerators' peaks: its times are no milliseconds, or of another model.
std::vector<MeasuredDeployment> measured_deployments(const std::vector<ServingRow>& rows,
                                                     const DeploymentNotes& notes = {},
                                                     ServingRest* rest = nullptr);

/// How many times longer steps take than bytes and operations at the accelerators' peaks, at the median; of
/// decoding, or of prompts where nothing else was measured. NaN where nothing was. Launches make it 2 to 50;
/// beyond kFarFromRoofline the times are hardly seconds, or of another model.
double times_the_roofline(const std::vector<MeasuredDeployment>& measured);
constexpr double kFarFromRoofline = 100.0;

}  // namespace hone::cost
