#include "hone/task/cell_network.h"

#include <set>

#include <gtest/gtest.h>

#include "cells.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::task {
namespace {

CellNetwork network(CellKind kind, const space::Config& config) {
  CellNetwork net;
  net.kind = kind;
  net.cells = cells_of(kind, config);
  return net;
}

TEST(CellNetwork, HasTheParametersThatThePapersCount) {
  // NAS-Bench-201's largest: 1.531546 million, 220.12 million multiply-adds.
  const auto largest = cell_network(network(CellKind::nasbench201, test::edges("333333")), 1);
  EXPECT_EQ(largest.parameter_count(), 1531546);
  EXPECT_NEAR(largest.work().flops / 2e6, 220.12, 4.0);

  // The example of NAS-Bench-101's documentation: 2,694,282.
  const std::string c3 = "conv3x3-bn-relu", c1 = "conv1x1-bn-relu", mp = "maxpool3x3";
  auto net = network(CellKind::nasbench101, test::vertices("111010"
                                                           "00001"
                                                           "0001"
                                                           "100"
                                                           "01"
                                                           "1",
                                                           {c1, c3, c3, c3, mp}));
  net.channels = 128;
  net.cells_per_stage = 3;
  EXPECT_EQ(cell_network(net, 1).parameter_count(), 2694282);

  // DARTS's second-order cells at 36 channels: 3.349342 million.
  const std::vector<std::string> normal{"sep_conv_3x3", "sep_conv_3x3", "sep_conv_3x3", "sep_conv_3x3",
                                        "skip_connect", "sep_conv_3x3", "skip_connect", "dil_conv_3x3"};
  const std::vector<std::string> reduction{"max_pool_3x3", "max_pool_3x3", "max_pool_3x3", "skip_connect",
                                           "max_pool_3x3", "skip_connect", "max_pool_3x3", "skip_connect"};
  std::vector<space::Config::Entry> entries{{"normal_inputs_1", "0_1"},    {"normal_inputs_2", "0_1"},
                                            {"normal_inputs_3", "0_2"},    {"reduction_inputs_1", "1_2"},
                                            {"reduction_inputs_2", "0_2"}, {"reduction_inputs_3", "1_2"}};
  for (std::size_t i = 0; i < 8; ++i) {
    entries.emplace_back(fmt::format("normal_op.{}", i), normal[i]);
    entries.emplace_back(fmt::format("reduction_op.{}", i), reduction[i]);
  }
  net = network(CellKind::darts, space::Config(entries));
  net.channels = 36;
  net.cells_per_stage = 6;
  EXPECT_EQ(cell_network(net, 1).parameter_count(), 3349342);
}

TEST(CellNetwork, SpellingsOfOneStructureGiveOneGraph) {
  const auto key = [](const std::string& letters) {
    auto net = network(CellKind::nasbench201, test::edges(letters));
    net.channels = 4;
    net.cells_per_stage = 1;
    return graph::canonical(cell_network(net, 2)).key;
  };
  EXPECT_EQ(key("3zzzpz"), key("z3zzzp"));
  EXPECT_NE(key("3zzzpz"), key("1zzzpz"));
  EXPECT_NE(key("3zzzpz"), key("pzzz3z"));
  EXPECT_NE(key("3zszss"), key("33zzss"));
  EXPECT_NO_THROW(key("zzzzzz"));
  // The cell alone: as many structures as cells, but for convolutions of nothing, whose size is the same.
  std::set<Key> cells, graphs;
  std::set<std::pair<Key, Key>> both;
  Rng rng(1, "some");
  for (int i = 0; i < 400; ++i) {
    const Cell cell =
        cells_of(CellKind::nasbench201, test::edges(test::letters_of(static_cast<int>(rng.below(15625)))))
            .front();
    const Key own = task::key(cell);
    const Key graph = graph::canonical(cell_graph(CellKind::nasbench201, cell, 1, 4, 8)).key;
    cells.insert(own);
    graphs.insert(graph);
    both.insert({own, graph});
  }
  EXPECT_EQ(both.size(), cells.size()) << "one cell, one graph";
  EXPECT_GT(graphs.size() + 10, cells.size());
}

TEST(CellNetwork, BuildsEverySpaceAtOddSizes) {
  Rng rng(2, "networks");
  for (const CellKind kind : {CellKind::nasbench201, CellKind::nasbench101, CellKind::darts}) {
    const space::Space space = cell_space(kind);
    int built = 0;
    for (int i = 0; i < 60; ++i) {
      const space::Config config = space.sample(rng);
      try {
        auto net = network(kind, config);
        net.channels = 6;
        net.cells_per_stage = 2;
        net.classes = 7;
        net.image = {1, 28, 28};
        const auto graph = cell_network(net, 3);
        EXPECT_EQ(graph.node(graph.outputs().front()).shape, (graph::Shape{3, 7}));
        if (kind != CellKind::darts) {
          net.image = {2, 9, 13};
          EXPECT_NO_THROW(cell_network(net, 3));
        }
        ++built;
      } catch (const Error& error) {
        ASSERT_NE(std::string(error.what()).find("no way"), std::string::npos) << error.what();
      }
    }
    EXPECT_GT(built, 30);
  }
  auto net = network(CellKind::darts, cell_space(CellKind::darts).sample(rng));
  net.image = {1, 15, 15};
  net.channels = 4;
  net.cells_per_stage = 1;
  EXPECT_THROW(cell_network(net, 1), Error);
}

}  // namespace
}  // namespace hone::task
