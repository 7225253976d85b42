// hone cost estimate: a language model that nobody measured, from its architecture.
#include <algorithm>
#include <cstdio>

#include "cost_llm.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/cost/llm/measured.h"

namespace hone::cli {
namespace {

struct CostEstimateArguments {
  std::string model, on = "a100-80gb", stack = "eager", output_file;
  std::vector<std::string> measured;
  std::int64_t gpus = 0, tensor = 0, stages = 1;
  double batch = 1.0, prompt = 512.0, output = 128.0;
  double weight_bits = 16.0, kv_bits = 16.0, power_cap = 0.0;
  bool int8 = false, json = false;
  cost::LlmRates rates;
};

/// What the files of --measured hold.
struct Measured {
  std::vector<cost::MeasuredDeployment> deployments;
  std::vector<std::string> files;   ///< those of which something is used
  cost::ServingRest rest;           ///< of all of them
  std::vector<std::string> doubts;  ///< files whose times are hardly of such models, and why
};

Measured measured_of(const CostEstimateArguments& arguments) {
  Measured all;
  for (const std::string& file : arguments.measured) {
    std::vector<cost::MeasuredDeployment> more;
    cost::ServingRest rest;
    if (file.ends_with(".csv")) {
      const auto rows = cost::read_serving_table(file);
      if (!rows)
        throw Error("its header is none of a table of serving measurements", Place{file, 0, ""},
                    "see docs/llm-costs.md for its columns");
      more = cost::measured_deployments(*rows, {}, &rest);
    } else {
      const std::string folder = file.substr(0, file.find_last_of('/') + 1);
      more =
          cost::measured_deployments(cost::read_llm_runtimes(file), cost::accelerator("a100-80gb"),
                                     cost::DeploymentNotes::read(folder + "deployments.json"), &rest.unknown);
    }
    all.rest.unlike += rest.unlike;
    all.rest.swapped += rest.swapped;
    all.rest.unknown.insert(all.rest.unknown.end(), rest.unknown.begin(), rest.unknown.end());
    std::erase_if(more, [](const auto& one) { return one.steps.empty(); });
    if (!more.empty()) all.files.push_back(file);
    if (const double times = cost::times_the_roofline(more); times > cost::kFarFromRoofline)
      all.doubts.push_back(
          fmt::format("{}: steps take {:.0f} times what memory and arithmetic need: are its times {}?", file,
                      times, file.ends_with(".csv") ? "milliseconds" : "seconds"));
    const std::size_t before = all.deployments.size();
    for (auto& one : more) {
      one.group += before;  // groups are indices within their file
      all.deployments.push_back(std::move(one));
    }
  }
  return all;
}

cost::LlmDeployment deployment_of(const CostEstimateArguments& arguments, double context) {
  cost::LlmDeployment deployment;
  deployment.model = cost::need_architecture(arguments.model);
  deployment.accelerator = cost::accelerator(arguments.on);
  if (arguments.power_cap > deployment.accelerator.power_w)
    throw Error(fmt::format("--power-cap: {} draws {} W at most, {} W hold it to nothing",
                            deployment.accelerator.name, deployment.accelerator.power_w,
                            arguments.power_cap));
  if (arguments.power_cap > 0.0)
    deployment.accelerator = power_capped(deployment.accelerator, arguments.power_cap);
  deployment.weight_bits = arguments.weight_bits;
  deployment.kv_bits = arguments.kv_bits;
  deployment.activation_bits = arguments.int8 ? 8.0 : 16.0;
  if (arguments.tensor > 0) {
    deployment.tensor_parallel = arguments.tensor;
    deployment.pipeline_parallel = arguments.stages;
    cost::check_split(deployment);
    return deployment;
  }
  if (arguments.gpus > 0) return cost::split_over(deployment, arguments.gpus);
  return cost::fitted(deployment, arguments.batch, context, arguments.prompt);
}

std::string bytes(double value) { return quantity_text("memory_bytes", value); }

Json step_json(const cost::LlmStep& step) {
  return {{"seconds", step.seconds},       {"host_s", step.host},
          {"device_s", step.device},       {"memory_s", step.memory},
          {"compute_s", step.compute},     {"links_s", step.links},
          {"kernels_s", step.kernels},     {"activations_s", step.activations},
          {"sequences_s", step.sequences}, {"stages_s", step.stages},
          {"setup_s", step.setup},         {"bound", step.bound()}};
}

/// "host 11.79 ms, device 17.14 ms, sequences 51.2 ms": what a step adds up from.
std::string parts_text(const cost::LlmStep& step) {
  std::string text = fmt::format("host {}, device {}", seconds_text(step.host), seconds_text(step.device));
  for (const auto& [what, seconds] :
       {std::pair{"sequences", step.sequences}, {"stages", step.stages}, {"set-up", step.setup}})
    if (seconds > 0.0) text += fmt::format(", {} {}", what, seconds_text(seconds));
  return text;
}

std::string uncalibrated_text(const std::string& stack) {
  if (stack == "graphs")
    return "not calibrated: of a stack with captured graphs as such are reported, which nothing here was "
           "fitted to;\ngive measurements of yours with --measured";
  return "not calibrated: of a stack that launches every kernel from its host, and such differ by 2x. Stacks "
         "with captured\ngraphs take a half to a third of this a token at small batches (--stack graphs); "
         "give "
         "measurements of yours with --measured";
}

int estimate(const CostEstimateArguments& arguments) {
  if (!arguments.output_file.empty()) {
    need_writable(arguments.output_file);
    need_other_file(arguments.output_file, arguments.measured);
    need_other_file(arguments.output_file, {arguments.model});
  }
  const double context = arguments.prompt + arguments.output;
  const cost::LlmDeployment deployment = deployment_of(arguments, context);
  const cost::LlmMemory memory = cost::llm_memory(deployment, arguments.batch, context, arguments.prompt);
  const Measured measured = measured_of(arguments);
  const cost::LlmStack start = cost::LlmStack::named(arguments.stack);
  const bool calibrated = !measured.deployments.empty();
  const auto calibration = calibrated ? cost::LlmCalibration::fit(measured.deployments, {.start = start})
                                      : cost::LlmCalibration(start);
  const cost::LlmStepMeasure decode{true, arguments.batch, arguments.prompt + 0.5 * arguments.output};
  const cost::LlmStepMeasure prompt{false, arguments.batch, arguments.prompt};
  const cost::LlmDeployment adjusted = calibration.adjusted(deployment);
  const cost::LlmStep decode_step = cost::llm_step(adjusted, calibration.stack(), decode);
  const cost::LlmStep prompt_step = cost::llm_step(adjusted, calibration.stack(), prompt);
  const auto token = calibration.predict(deployment, decode), first = calibration.predict(deployment, prompt);
  const double seconds = first.seconds + token.seconds * (arguments.output - 1.0);
  cost::LlmRates rates = arguments.rates;
  rates.accelerators = static_cast<double>(deployment.accelerators());
  rates.batch = arguments.batch;
  const cost::LlmPrice price = cost::llm_price(seconds, rates);

  if (!arguments.output_file.empty()) {
    std::vector<double> sizes;
    for (double size = 1.0; size <= std::max(2048.0, 2.0 * arguments.prompt); size *= 2.0)
      sizes.push_back(size);
    cost::LlmRuntime runtime = calibration.runtime(deployment, arguments.batch, sizes, decode.tokens);
    runtime.provenance["accelerator"] = deployment.accelerator.name;
    runtime.provenance["accelerators"] = deployment.accelerators();
    runtime.provenance["measured"] = measured.files;
    runtime.provenance["stack"] = arguments.stack;
    write_file_atomic(arguments.output_file, runtime.json().dump(2) + "\n");
  }
  if (arguments.json) {
    Json json = price_json(price);
    json["architecture"] = deployment.model.json();
    json["accelerator"] = deployment.accelerator.name;
    json["accelerators"] = deployment.accelerators();
    json["tensor_parallel"] = deployment.tensor_parallel;
    json["pipeline_parallel"] = deployment.pipeline_parallel;
    json["batch"] = arguments.batch;
    json["memory"] = {{"weights_bytes", memory.weights},     {"kv_cache_bytes", memory.kv_cache},
                      {"work_bytes", memory.work},           {"reserved_bytes", memory.reserved},
                      {"available_bytes", memory.available}, {"fits", memory.fits()}};
    json["prompt_s"] = first.seconds;
    json["token_s"] = token.seconds;
    json["tokens_per_s"] = arguments.batch / token.seconds;
    json["relative_spread"] = {{"prompt_s", first.spread}, {"token_s", token.spread}};
    json["prompt"] = step_json(prompt_step);
    json["token"] = step_json(decode_step);
    json["calibrated_on"] = measured.files;
    json["left_out"] = measured.rest.unknown;
    json["rows_left_out"] = {{"parts_unlike_request", measured.rest.unlike},
                             {"beyond_memory", measured.rest.swapped}};
    json["doubts"] = measured.doubts;
    json["stack"] = calibration.json();
    json["stack"]["start"] = arguments.stack;
    print_json(json);
    return kDone;
  }
  std::printf("%s%s: %.4g parameters (%s)\n", deployment.model.name.c_str(),
              deployment.model.assumed ? " (size assumed)" : "", deployment.model.parameters(),
              deployment.model.source.c_str());
  std::printf("on %lld x %s (tensor %lld, stages %lld), batch %.0f, %.0f prompt and %.0f output tokens\n",
              static_cast<long long>(deployment.accelerators()), deployment.accelerator.name.c_str(),
              static_cast<long long>(deployment.tensor_parallel),
              static_cast<long long>(deployment.pipeline_parallel), arguments.batch, arguments.prompt,
              arguments.output);
  std::printf("  memory        %s weights + %s cache + %s work + %s reserved, of %s%s\n",
              bytes(memory.weights).c_str(), bytes(memory.kv_cache).c_str(), bytes(memory.work).c_str(),
              bytes(memory.reserved).c_str(), bytes(memory.available).c_str(),
              memory.fits() ? "" : ": DOES NOT FIT");
  const auto line = [](const char* what, const auto& prediction, const cost::LlmStep& step) {
    std::printf("  %s  %s, bound by %s (%s)", what, seconds_text(prediction.seconds).c_str(),
                step.bound().c_str(), parts_text(step).c_str());
    if (prediction.spread > 0.0) std::printf(" +- %.0f%%", 100.0 * prediction.spread);
    std::printf("\n");
  };
  line("prompt      ", first, prompt_step);
  line("output token", token, decode_step);
  std::printf("  request       %s\n", seconds_text(seconds).c_str());
  for (const auto& [what, text] : price_texts(price))
    std::printf("  %s  %s%s\n", what.c_str(), text.c_str(), arguments.batch > 1.0 ? " a request" : "");
  if (const std::string left_out = measured.rest.text(); !left_out.empty())
    std::printf("left out of what was measured: %s\n", left_out.c_str());
  for (const std::string& doubt : measured.doubts) std::printf("warning: %s\n", doubt.c_str());
  if (!calibrated && !arguments.measured.empty()) std::printf("nothing that was measured is left\n");
  if (calibrated)
    std::printf("calibrated on %zu measured deployments\n", measured.deployments.size());
  else
    std::printf("%s\n", uncalibrated_text(arguments.stack).c_str());
  return kDone;
}

}  // namespace

void add_cost_estimate(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "estimate", "Estimate a language model that nobody measured, from its architecture");
  command->footer(
      "MODEL is a published architecture's name, a JSON file (layers, width, heads, vocabulary, ...; or a "
      "config.json\nof the Transformers library), or a name with a size in it (then the shape is guessed). "
      "--measured learns the\nserving stack from deployments that were measured.\n"
      "Examples:\n"
      "  hone cost estimate llama2-70b --on h100-80gb -p 512 -o 128\n"
      "  hone cost estimate mixtral-8x7b --gpus 2 --batch 16 --weight-bits 4.25\n"
      "  hone cost estimate llama3-8b --on h100-80gb --stack graphs --batch 32\n"
      "  hone cost estimate opt-30b --measured idealized_runtimes.json --gpus 2 -p 512 -o 32 -f "
      "opt-30b.json\n"
      "  hone cost estimate config.json --measured serving.csv --on h100-80gb --json");
  auto arguments = std::make_shared<CostEstimateArguments>();
  command->add_option("MODEL", arguments->model, "Architecture: a name or a JSON file")->required();
  command->add_option("--on", arguments->on, "Accelerator")->capture_default_str();
  auto* gpus =
      command
          ->add_option("--gpus", arguments->gpus, "How many of them; default: the fewest that hold the model")
          ->check(whole_number(1, 100000));
  auto* tensor = command->add_option("--tensor", arguments->tensor, "Accelerators that share a layer")
                     ->check(whole_number(1, 1024))
                     ->excludes(gpus);
  command->add_option("--stages", arguments->stages, "Pipeline stages, with --tensor")
      ->check(whole_number(1, 1024))
      ->needs(tensor);
  command->add_option("--batch", arguments->batch, "Sequences at once")
      ->check(whole_number(1, 1000000))
      ->capture_default_str();
  command->add_option("-p,--prompt", arguments->prompt, "Prompt tokens")
      ->check(whole_number(1, 100000000))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Output tokens")
      ->check(whole_number(1, 100000000))
      ->capture_default_str();
  command->add_option("--weight-bits", arguments->weight_bits, "Bits of a stored parameter, scales included")
      ->check(between(1.0, 64.0))
      ->capture_default_str();
  command->add_option("--kv-bits", arguments->kv_bits, "Bits of a stored key or value")
      ->check(between(1.0, 64.0))
      ->capture_default_str();
  command
      ->add_option("--power-cap", arguments->power_cap,
                   "Watts that each accelerator is held to: slower products")
      ->check(positive());
  command->add_flag("--int8", arguments->int8, "Products run in 8-bit arithmetic");
  command
      ->add_option("--stack", arguments->stack,
                   "Serving software, or where learning it starts: eager launches every kernel from the "
                   "host, graphs captures them")
      ->check(CLI::IsMember({"eager", "graphs"}))
      ->capture_default_str();
  command->add_option("--measured", arguments->measured,
                      "Files of measured deployments of the same serving stack");
  command->add_option("-f,--file", arguments->output_file, "Write T(p, o) here, for hone cost llm");
  add_rates(command, arguments->rates);
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return estimate(*arguments); }; });
}

}  // namespace hone::cli
