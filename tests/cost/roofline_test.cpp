#include "hone/cost/roofline.h"

#include <array>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/cost/accelerator.h"
#include "hone/cost/attention_bounds.h"
#include "hone/cost/systolic.h"
#include "hone/graph/decoder.h"

namespace hone::cost {
namespace {

using graph::DataType;

DeviceProfile made_device() {
  DeviceProfile device;
  device.name = "made";
  device.kind = "cpu";
  device.peak["f32"] = {1e9, 0.0};
  device.peak["i8"] = {4e9, 0.0};
  device.memory = {{"L2", 10000.0, {1e9, 0.0}}, {"DRAM", 1e9, {1e8, 0.0}}};
  device.memory_bytes = 1e9;
  device.overhead_s = 1e-6;
  device.watts = 10.0;
  device.idle_watts = 2.0;
  return device;
}

graph::Graph one_linear(std::int64_t rows, std::int64_t in, std::int64_t out) {
  graph::Graph graph;
  const int x = graph.input("x", {rows, in}, DataType::float32);
  graph.output(graph.add("linear", {{"out", out}}, {x}, "y"));
  return graph;
}

TEST(Roofline, TheLongerOfArithmeticAndMemory) {
  // 8 x 10 by 10 x 20: 3200 FLOPs; 320 + 640 bytes of activations in L2, 800 of weights in L2.
  const GraphCost small = roofline(one_linear(8, 10, 20), made_device());
  ASSERT_EQ(small.operators.size(), 1u);
  EXPECT_DOUBLE_EQ(small.operators[0].flops, 3200.0);
  EXPECT_DOUBLE_EQ(small.operators[0].bytes(), 320.0 + 640.0 + 800.0);
  EXPECT_DOUBLE_EQ(small.operators[0].intensity, 3200.0 / 1760.0);
  EXPECT_EQ(small.operators[0].bound, Bound::compute);
  EXPECT_NEAR(small.latency_s, 3.2e-6 + 1e-6, 1e-12);
  EXPECT_NEAR(small.utilisation, 3.2 / 4.2, 1e-9);
  EXPECT_NEAR(small.energy_j, small.latency_s * (2.0 + 8.0 * 3.2 / 4.2), 1e-12);
  // One row by a large matrix: weights of 400 kB come from main memory.
  const GraphCost wide = roofline(one_linear(1, 1000, 100), made_device());
  EXPECT_EQ(wide.operators[0].bound, Bound::memory);
  EXPECT_NEAR(wide.latency_s, 4e5 / 1e8 + 4400.0 / 1e9 + 1e-6, 1e-9);
}

TEST(DeviceProfile, WhatIsNotGivenIsAssumedAndWhatCannotBeIsAnError) {
  const auto read = [](const std::string& rest) {
    return DeviceProfile::from_json(Json::parse(R"({"name": "board", "peak": {"f32": 1e10}, )" + rest + "}"),
                                    "board.json");
  };
  const std::string memory = R"("memory": [{"name": "L2", "bytes": 1e6, "read": 2e10},
                                           {"name": "DRAM", "bytes": 4e9, "read": 4e9}])";
  EXPECT_EQ(read(R"("kind": "cpu", )" + memory).overhead_s, 2e-6);
  EXPECT_EQ(read(memory).overhead_s, 4e-6);
  EXPECT_TRUE(read(memory).overhead_assumed);
  EXPECT_EQ(read(R"("overhead_s": 0, )" + memory).overhead_s, 0.0);
  EXPECT_THROW(read(R"("memory": [{"name": "DRAM", "bytes": 4e9, "read": 4e9},
                                  {"name": "L2", "bytes": 1e6, "read": 2e10}])"),
               Error);
  // The second levels of 64 cores hold more than the third that they share.
  const auto server = read(R"("memory": [{"name": "L2", "bytes": 64e6, "read": 2e12},
                                         {"name": "L3", "bytes": 32e6, "read": 8e11},
                                         {"name": "DRAM", "bytes": 1e11, "read": 3e11}])");
  EXPECT_EQ(server.memory.size(), 3u);
  EXPECT_EQ(DeviceProfile::from_json(server.json(), "board.json").bandwidth(48e6), 2e12);
  EXPECT_THROW(read(R"("memory": [{"name": "L2", "bytes": 64e6, "read": 2e12},
                                  {"name": "L3", "bytes": 32e6, "read": 8e11},
                                  {"name": "DRAM", "bytes": 64e6, "read": 3e11}])"),
               Error);
  EXPECT_THROW(read(R"("watts": 5, "idle_watts": 9, )" + memory), Error);
}

TEST(Roofline, TypesCountInBytesAndRates) {
  RooflineOptions options;
  options.type = "i8";
  const GraphCost bytes = roofline(one_linear(8, 10, 20), made_device(), options);
  EXPECT_DOUBLE_EQ(bytes.operators[0].bytes(), 1760.0 / 4.0);
  EXPECT_NEAR(bytes.latency_s, 0.8e-6 + 1e-6, 1e-12);
  // f16 is computed in f32 where there is nothing nearer.
  options.type = "f16";
  EXPECT_NEAR(roofline(one_linear(8, 10, 20), made_device(), options).latency_s, 4.2e-6, 1e-12);
  options.type = "f64";
  EXPECT_THROW(roofline(one_linear(8, 10, 20), made_device(), options), Error);
  options = {};
  options.one_thread = true;
  EXPECT_THROW(roofline(one_linear(8, 10, 20), made_device(), options), Error);
}

TEST(Roofline, WeightedIntensityTellsParametersFromActivations) {
  RooflineOptions options;
  const auto intensity = [&](double alpha) {
    options.alpha = alpha;
    return roofline(one_linear(8, 10, 20), made_device(), options).operators[0].weighted_intensity;
  };
  EXPECT_DOUBLE_EQ(intensity(0.5), 3200.0 / 1760.0);
  EXPECT_DOUBLE_EQ(intensity(1.0), 3200.0 / 1600.0);
  EXPECT_DOUBLE_EQ(intensity(0.0), 3200.0 / 1920.0);
}

TEST(Systolic, UseOfAnArray) {
  const SystolicArray array{64, 64, 1};
  // Fills the array: only filling and draining is lost.
  const ArrayUse full = array_use({{1, 64 * 100, 64, 64}}, array);
  EXPECT_DOUBLE_EQ(full.cycles, 6400.0 + 126.0);
  EXPECT_DOUBLE_EQ(full.cells, 1.0);
  EXPECT_NEAR(full.utilisation, 6400.0 / 6526.0, 1e-12);
  // Half of the columns idle; and tiles are as many as it takes.
  EXPECT_DOUBLE_EQ(array_use({{1, 6400, 64, 32}}, array).cells, 0.5);
  EXPECT_DOUBLE_EQ(array_use({{1, 6400, 65, 64}}, array).cells, 65.0 / 128.0);
  // A few rows cannot hide the loading of weights.
  EXPECT_LT(array_use({{1, 4, 64, 64}}, array).utilisation, 0.03);
  EXPECT_EQ(array_use({}, array).cycles, 0.0);
}

TEST(Systolic, SeveralArraysTakeTilesByTurns) {
  const SystolicArray two{64, 64, 2};
  // Three tiles on two arrays: two turns, in the second of which one array has nothing to do.
  const ArrayUse use = array_use({{1, 6400, 3 * 64, 64}}, two);
  EXPECT_DOUBLE_EQ(use.cycles, 2 * 6400.0 + 126.0);
  EXPECT_DOUBLE_EQ(use.utilisation, 3 * 6400.0 / (2.0 * use.cycles));
  EXPECT_DOUBLE_EQ(array_use({{1, 6400, 2 * 64, 64}}, two).cycles, 6400.0 + 126.0);
}

TEST(Systolic, DepthwiseConvolutionsWantMoreChannelsAGroup) {
  graph::Graph graph;
  const int x = graph.input("x", {1, 256, 28, 28}, DataType::float32);
  const int y = graph.add(
      "conv2d", {{"out", std::int64_t{256}}, {"kernel", std::int64_t{3}}, {"groups", std::int64_t{256}}}, {x},
      "y");
  graph.output(y);
  const SystolicArray array{64, 64, 1};
  const double now = array_use(matrix_work(graph, y), array).utilisation;
  EXPECT_LT(now, 0.01);
  const auto changes = shape_changes(graph, y, array);
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.front().what, "groups");
  EXPECT_GT(changes.front().utilisation, 10.0 * now);
  // Seven channels a group fill a column of 64 cells with 63: more work in no more time.
  for (const ShapeChange& change : changes)
    if (change.to == 64) {
      EXPECT_DOUBLE_EQ(change.operations, 4.0);
      EXPECT_LT(change.cycles, array_use(matrix_work(graph, y), array).cycles);
    }
}

TEST(Systolic, ChannelsAreFilledUp) {
  graph::Graph graph = one_linear(4096, 128, 100);
  const auto changes = shape_changes(graph, 1, {64, 64, 1});
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.front().what, "out");
  EXPECT_EQ(changes.front().to, 128);
  EXPECT_NEAR(changes.front().operations, 1.28, 1e-12);
  EXPECT_TRUE(shape_changes(one_linear(1 << 16, 128, 128), 1, {64, 64, 1}).empty());
}

TEST(AttentionBounds, OnePassNeedsNoMoreBufferForLongerSequences) {
  AttentionShape shape;
  shape.heads = shape.kv_heads = 8.0;
  shape.queries = shape.keys = 4096.0;
  shape.d = 64.0;
  const auto bounds = attention_bounds(shape, 16384.0);
  ASSERT_EQ(bounds.size(), 3u);
  EXPECT_EQ(bounds[0].passes, 3);
  EXPECT_EQ(bounds[2].passes, 1);
  // A row of scores is 16 kB beside query and output: it does not fit, and leaves after every pass but the
  // last.
  EXPECT_FALSE(bounds[0].fits);
  EXPECT_TRUE(bounds[2].fits);
  const double inputs = 4.0 * 4.0 * 8.0 * 4096.0 * 64.0, scores = 4.0 * 8.0 * 4096.0 * 4096.0;
  // 62 queries with their maximum and sum fit: 67 times through the keys and values. With outputs beside
  // them 31 do.
  EXPECT_DOUBLE_EQ(bounds[0].traffic_bytes, (1.0 + 67.0) * 0.5 * inputs + 4.0 * scores);
  EXPECT_DOUBLE_EQ(bounds[1].traffic_bytes, (1.0 + 67.0) * 0.5 * inputs + 2.0 * scores);
  EXPECT_DOUBLE_EQ(bounds[2].traffic_bytes, (1.0 + 133.0) * 0.5 * inputs);
  EXPECT_DOUBLE_EQ(bounds[2].row_bytes, 4.0 * (2.0 * 64.0 + 2.0));
  shape.queries = shape.keys = 65536.0;
  EXPECT_DOUBLE_EQ(attention_bounds(shape, 16384.0)[2].row_bytes, bounds[2].row_bytes);
  EXPECT_GT(attention_bounds(shape, 16384.0)[0].row_bytes, bounds[0].row_bytes);
  // All on chip: everything moves once, whatever the passes.
  for (const auto& bound : attention_bounds(shape, 1e15))
    EXPECT_DOUBLE_EQ(bound.traffic_bytes, 16.0 * inputs);
}

TEST(AttentionBounds, MoreMemoryOnChipNeverMovesMore) {
  AttentionShape shape;
  shape.heads = 8.0;
  shape.kv_heads = 2.0;
  shape.queries = shape.keys = 512.0;
  shape.d = 32.0;
  for (const bool causal : {false, true}) {
    shape.causal = causal;
    std::vector<double> before(3, 1e300);
    for (double buffer = 16.0; buffer < 1e8; buffer *= 1.5) {
      const auto bounds = attention_bounds(shape, buffer);
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_LE(bounds[i].traffic_bytes, before[i])
            << buffer << " bytes, " << bounds[i].passes << " passes";
        before[i] = bounds[i].traffic_bytes;
      }
      EXPECT_LE(bounds[1].traffic_bytes, bounds[0].traffic_bytes);
    }
  }
}

TEST(AttentionBounds, CausalBlocksReadTheKeysThatTheySee) {
  AttentionShape shape;
  shape.queries = shape.keys = 1024.0;
  shape.d = 64.0;
  shape.causal = true;
  // Half of the queries at once: the first half sees half of the keys, the second all of them.
  const auto bounds = attention_bounds(shape, 512.0 * 4.0 * 130.0);
  EXPECT_DOUBLE_EQ(bounds[2].traffic_bytes, 4.0 * 1024.0 * 64.0 * (2.0 + 2.0 * 1.5));
}

TEST(AttentionBounds, OfAGraph) {
  graph::DecoderSpec spec;
  spec.vocabulary = 32;
  spec.context = 16;
  spec.width = 64;
  spec.layers = {graph::DecoderLayer{.heads = 4, .kv_heads = 2}};
  const graph::Graph graph = graph::decoder(spec, 2, 16);
  int found = 0;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (graph.nodes()[i].op != "causal_attention") continue;
    ++found;
    const AttentionShape shape = AttentionShape::of(graph, static_cast<int>(i), 2.0);
    EXPECT_DOUBLE_EQ(shape.heads, 8.0);
    EXPECT_DOUBLE_EQ(shape.kv_heads, 4.0);
    EXPECT_DOUBLE_EQ(shape.d, 16.0);
    EXPECT_TRUE(shape.causal);
  }
  EXPECT_EQ(found, 1);
}

TEST(DeviceProfile, ThereAndBack) {
  DeviceProfile device = made_device();
  device.peak_one["f32"] = {5e8, 0.1};
  device.memory[0].read_one = {4e8, 0.02};
  device.memory[0].copy = {3e8, 0.0};
  device.cores = 4;
  device.call_s = 1e-9;
  device.systolic = SystolicArray{8, 16, 2};
  const DeviceProfile back = DeviceProfile::from_json(device.json(), "made.json");
  EXPECT_EQ(back.json(), device.json());
  EXPECT_DOUBLE_EQ(back.bandwidth(5000.0), 1e9);
  EXPECT_DOUBLE_EQ(back.bandwidth(1e12), 1e8);
}

TEST(DeviceProfile, MalformedOnesNameTheKey) {
  const auto message = [](const std::string& text) {
    try {
      DeviceProfile::from_json(Json::parse(text), "d.json");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string memory = R"("memory": [{"name": "DRAM", "bytes": 1e9, "read": 1e10}])";
  EXPECT_NE(message("[]").find("d.json"), std::string::npos);
  EXPECT_NE(message(R"({"name": "x"})").find("peak"), std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "peak": {"f33": 1}, )" + memory + "}").find("did you mean 'f32'"),
            std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "peak": {"f32": -1}, )" + memory + "}").find("peak.f32"),
            std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "peak": {"f32": 1e9}, "memroy": [], )" + memory + "}").find("memroy"),
            std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "peak": {"f32": 1e9}, "memory": [{"bytes": 1}]})").find("memory.0.read"),
            std::string::npos);
  EXPECT_EQ(message(R"({"name": "x", "peak": {"f32": 1e9}, )" + memory + "}"), "no error");
}

TEST(DeviceProfile, HasTheNamesThatAcceleratorsHave) {
  // Whichever of its names is given, both lists mean the same device.
  for (const auto& [name, device, accelerator_name] :
       std::initializer_list<std::array<const char*, 3>>{{"h100-80gb", "h100-sxm", "h100-80gb"},
                                                         {"h100-sxm", "h100-sxm", "h100-80gb"},
                                                         {"H100 80GB", "h100-sxm", "h100-80gb"},
                                                         {"a100-80gb", "a100-sxm-80gb", "a100-80gb"},
                                                         {"A100 SXM4 80GB", "a100-sxm-80gb", "a100-80gb"},
                                                         {"a100-sxm-40gb", "a100-sxm-40gb", "a100-40gb"},
                                                         {"h200", "h200-sxm", "h200"},
                                                         {"h200-sxm", "h200-sxm", "h200"},
                                                         {"v100-32gb", "v100-sxm2-32gb", "v100-32gb"},
                                                         {"v100-sxm2-32gb", "v100-sxm2-32gb", "v100-32gb"}}) {
    EXPECT_EQ(find_device(name).name, device);
    EXPECT_EQ(accelerator(name).name, accelerator_name);
    EXPECT_DOUBLE_EQ(find_device(name).memory_bytes, accelerator(name).memory_bytes) << name;
  }
  for (const DeviceProfile& device : published_devices()) {
    const auto known = find_accelerator(device.name);
    EXPECT_DOUBLE_EQ(device.memory_bytes, known ? known->memory_bytes : device.memory_bytes) << device.name;
  }
  EXPECT_EQ(accelerator("h100-sxm-80gb-pcap").name, "h100-80gb");
  EXPECT_EQ(accelerator("h100-pcie").name, "h100-pcie-80gb");
  for (const char* other : {"a100", "h100-pcie-80gb", "v100-16gb", "h100-80gb-mine"})
    EXPECT_THROW(find_device(other), Error) << other << " is none of the published ones, or not one alone";
}

TEST(DeviceProfile, PublishedOnesAreWhole) {
  for (const DeviceProfile& device : published_devices()) {
    EXPECT_FALSE(device.source.empty()) << device.name;
    EXPECT_EQ(DeviceProfile::from_json(device.json(), device.name).json(), device.json()) << device.name;
    EXPECT_EQ(find_device(device.name).name, device.name);
    EXPECT_GT(device.peak_of(device.name == "tpu-v1" ? "i8" : "f32").value, 1e12) << device.name;
  }
  try {
    find_device("a100-sxm-80bg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a100-sxm-80gb"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hone::cost
