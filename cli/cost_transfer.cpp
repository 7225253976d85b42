// hone cost transfer: a device's latencies from a few measurements and what other devices took.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>

#include "cost.h"
#include "hone/base/files.h"
#include "hone/run/new_device.h"

namespace hone::cli {
namespace {

struct CostTransferArguments {
  std::string tables, family, target, measured, out;
  std::int64_t choose = 0;
  std::uint64_t seed = 1;
  bool json = false;
};

Json design_json(const run::LatencyFamily& family, std::size_t design) {
  Json json = Json::object();
  for (std::size_t c = 0; c < family.columns.size(); ++c) json[family.columns[c]] = family.designs[design][c];
  return json;
}

int transfer(const CostTransferArguments& arguments) {
  if (arguments.measured.empty() && arguments.choose == 0)
    throw Error("there is nothing to do", {},
                "--choose N names designs to measure, --measured FILE predicts the rest");
  if (!arguments.out.empty()) {
    need_writable(arguments.out);
    std::vector<std::string> read{arguments.measured};
    std::error_code code;
    for (const auto& table : std::filesystem::directory_iterator(arguments.tables, code))
      read.push_back(table.path().string());
    need_other_file(arguments.out, read);
  }
  run::NewDevice device(arguments.tables, arguments.family, arguments.target);
  Json document{{"family", device.family().name}, {"known", device.known()}};
  std::string csv;
  if (!arguments.measured.empty()) {
    device.read_measured(arguments.measured);
    const cost::AdaptedDevice adapted = device.adapt();
    std::vector<std::size_t> all(device.family().designs.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<double> latency, sd;
    double noise = 0.0, mean = 0.0;
    for (const std::size_t i : all) {
      const cost::LatencyPrediction one = adapted.predict(i);
      latency.push_back(one.latency);
      sd.push_back(one.sd);
      noise = one.noise_sd;
      mean += one.latency / static_cast<double>(all.size());
    }
    document["provenance"] = adapted.provenance();
    document["measurements"] = adapted.measurements();
    document["noise_sd"] = noise;
    document["mean"] = mean;
    csv = run::designs_csv(device.family(), all, {{"latency", latency}, {"sd", sd}});
    if (!arguments.out.empty()) {
      write_file_atomic(arguments.out, csv);
      document["file"] = arguments.out;
    } else {
      Json& list = document["predictions"] = Json::array();
      for (const std::size_t i : all) {
        list.push_back(design_json(device.family(), i));
        list.back()["latency"] = latency[i];
        list.back()["sd"] = sd[i];
      }
    }
  }
  std::vector<std::size_t> next;
  if (arguments.choose > 0) {
    next = device.choose(static_cast<std::size_t>(arguments.choose), arguments.seed);
    document["measure_next"] = Json::array();
    for (const std::size_t i : next) document["measure_next"].push_back(design_json(device.family(), i));
  }
  if (arguments.json) {
    print_json(document);
    return kDone;
  }
  if (document.contains("provenance")) {
    std::fprintf(stderr, "predicted %s; one measurement's noise %.3g of a mean of %.3g\n",
                 document["provenance"].get<std::string>().c_str(), document["noise_sd"].get<double>(),
                 document["mean"].get<double>());
    if (arguments.out.empty() && next.empty()) std::printf("%s", csv.c_str());
  }
  if (!next.empty()) std::printf("%s", run::designs_csv(device.family(), next).c_str());
  return kDone;
}

}  // namespace

void add_cost_transfer(CLI::App& cost, Action& action) {
  auto* command =
      cost.add_subcommand("transfer", "Predict a new device's latencies from 10 to 50 measurements on it");
  command->footer(
      "\nTables of devices that were measured often say how latencies go along; the designs to measure are "
      "chosen\n"
      "so that few of them tell much. FILE is a CSV with the designs' columns and 'latency', in any unit.\n"
      "Examples:\n"
      "  hone cost transfer --tables latency --family nasbench201_devices --choose 20 > to_measure.csv\n"
      "  hone cost transfer --tables latency --measured board.csv --out predicted.csv\n"
      "  hone cost transfer --tables latency --measured board.csv --choose 10 --json");
  auto arguments = std::make_shared<CostTransferArguments>();
  command->add_option("--tables", arguments->tables, "A folder of latency tables")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--family", arguments->family, "Which designs, where the tables have several kinds");
  command->add_option("--target", arguments->target, "What was timed, where tables have several: decoder");
  command->add_option("--measured", arguments->measured, "What was measured on the new device");
  command->add_option("--choose", arguments->choose, "Name so many designs to measure next")
      ->check(whole_number(0, 600));
  command->add_option("--seed", arguments->seed, "Of the candidates that are looked at")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--out", arguments->out, "Write the predictions of all designs here, a CSV");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return transfer(*arguments); }; });
}

}  // namespace hone::cli
