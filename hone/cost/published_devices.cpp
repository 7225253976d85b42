// Peak figures of common accelerators as their makers publish them: dense rates, without sparsity. They are
// bounds that nothing reaches.
#include "hone/cost/device_profile.h"

namespace hone::cost {
namespace {

constexpr double kTera = 1e12, kGiga = 1e9, kMega = 1e6;
/// A kernel's launch on a GPU through its driver takes some microseconds; it is not in any data sheet.
constexpr double kLaunch_s = 4e-6;

struct Figures {
  const char* name;
  const char* kind;
  const char* source;
  std::vector<std::pair<const char*, double>> peak_tera;
  double l2_mega, memory_giga, bandwidth_giga, watts;
  std::optional<SystolicArray> systolic = std::nullopt;
};

DeviceProfile profile(const Figures& figures) {
  DeviceProfile device;
  device.name = figures.name;
  device.kind = figures.kind;
  device.source = figures.source;
  for (const auto& [type, tera] : figures.peak_tera) device.peak[type] = {tera * kTera, 0.0};
  // The second-level cache's bandwidth is not published: main memory's counts there too.
  device.memory.push_back({"memory", figures.memory_giga * kGiga, {figures.bandwidth_giga * kGiga, 0.0}});
  device.memory_bytes = figures.memory_giga * kGiga;
  device.overhead_s = kLaunch_s;
  device.watts = figures.watts;
  device.systolic = figures.systolic;
  if (figures.l2_mega > 0.0)
    device.memory.insert(device.memory.begin(),
                         {"L2", figures.l2_mega * kMega, {figures.bandwidth_giga * kGiga, 0.0}});
  return device;
}

}  // namespace

const std::vector<DeviceProfile>& published_devices() {
  static const std::vector<DeviceProfile> list = [] {
    std::vector<DeviceProfile> made;
    for (const Figures& figures : std::vector<Figures>{
             {"p100-sxm2",
              "gpu",
              "NVIDIA Tesla P100 data sheet",
              {{"f64", 5.3}, {"f32", 10.6}, {"f16", 21.2}},
              4.0,
              16.0,
              732.0,
              300.0},
             {"v100-sxm2-32gb",
              "gpu",
              "NVIDIA V100 Tensor Core GPU data sheet",
              {{"f64", 7.8}, {"f32", 15.7}, {"f16", 125.0}},
              6.0,
              32.0,
              900.0,
              300.0},
             {"t4",
              "gpu",
              "NVIDIA T4 data sheet",
              {{"f32", 8.1}, {"f16", 65.0}, {"i8", 130.0}},
              4.0,
              16.0,
              300.0,
              70.0},
             {"a100-sxm-40gb",
              "gpu",
              "NVIDIA A100 Tensor Core GPU data sheet",
              {{"f64", 9.7}, {"f32", 19.5}, {"f16", 312.0}, {"bf16", 312.0}, {"i8", 624.0}},
              40.0,
              40.0,
              1555.0,
              400.0},
             {"a100-sxm-80gb",
              "gpu",
              "NVIDIA A100 Tensor Core GPU data sheet",
              {{"f64", 9.7}, {"f32", 19.5}, {"f16", 312.0}, {"bf16", 312.0}, {"i8", 624.0}},
              40.0,
              80.0,
              2039.0,
              400.0},
             {"a10",
              "gpu",
              "NVIDIA A10 Tensor Core GPU data sheet",
              {{"f32", 31.2}, {"f16", 125.0}, {"bf16", 125.0}, {"i8", 250.0}},
              6.0,
              24.0,
              600.0,
              150.0},
             {"l4",
              "gpu",
              "NVIDIA L4 Tensor Core GPU data sheet",
              {{"f32", 30.3}, {"f16", 121.0}, {"bf16", 121.0}, {"i8", 242.0}},
              48.0,
              24.0,
              300.0,
              72.0},
             {"h100-sxm",
              "gpu",
              "NVIDIA H100 Tensor Core GPU data sheet",
              {{"f64", 34.0}, {"f32", 67.0}, {"f16", 989.4}, {"bf16", 989.4}, {"i8", 1978.9}},
              50.0,
              80.0,
              3350.0,
              700.0},
             {"h200-sxm",
              "gpu",
              "NVIDIA H200 Tensor Core GPU data sheet",
              {{"f64", 34.0}, {"f32", 67.0}, {"f16", 989.4}, {"bf16", 989.4}, {"i8", 1978.9}},
              50.0,
              141.0,
              4800.0,
              700.0},
             {"tpu-v1",
              "accelerator",
              "In-Datacenter Performance Analysis of a Tensor Processing Unit (2017)",
              {{"i8", 92.0}},
              28.0,
              8.0,
              34.0,
              75.0,
              SystolicArray{256, 256, 1}},
             {"tpu-v3",
              "accelerator",
              "A Domain-Specific Supercomputer for Training Deep Neural Networks (2020)",
              {{"bf16", 123.0}},
              32.0,
              32.0,
              900.0,
              450.0,
              SystolicArray{128, 128, 4}},
             {"tpu-v4",
              "accelerator",
              "TPU v4: An Optically Reconfigurable Supercomputer for Machine Learning with Hardware Support "
              "for "
              "Embeddings (2023)",
              {{"bf16", 275.0}, {"i8", 275.0}},
              128.0,
              32.0,
              1200.0,
              192.0,
              SystolicArray{128, 128, 8}}})
      made.push_back(profile(figures));
    // Computes in one type alone: others are taken in it.
    for (DeviceProfile& device : made)
      if (device.kind == "accelerator" && device.peak.count("bf16") != 0)
        device.peak["f32"] = device.peak["bf16"];
    return made;
  }();
  return list;
}

}  // namespace hone::cost
