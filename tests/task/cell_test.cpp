#include "hone/task/cell.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "cells.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/task/cell_classes.h"
#include "hone/task/cell_spaces.h"

namespace hone::task {
namespace {

Cell cell(const std::string& letters) {
  return cells_of(CellKind::nasbench201, test::edges(letters)).front();
}

/// All 15,625.
const std::vector<std::vector<Cell>>& all_cells() {
  static const auto all = [] {
    std::vector<std::vector<Cell>> designs;
    for (int code = 0; code < 15625; ++code) designs.push_back({cell(test::letters_of(code))});
    return designs;
  }();
  return all;
}

TEST(Cell, ClassesOfNasBench201) {
  const auto counts = class_counts(all_cells());
  ASSERT_EQ(counts.size(), 5u);
  const std::vector<std::pair<std::string, std::int64_t>> expected{{"published", 6466},
                                                                   {"structural", 4930},
                                                                   {"tanh_bias", 6100},
                                                                   {"tanh", 4930},
                                                                   {"relu_linear_pool", 4540}};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(counts[i].name, expected[i].first);
    EXPECT_EQ(counts[i].classes, expected[i].second) << counts[i].name;
    EXPECT_EQ(counts[i].by_decimals.size(), i < 2 ? 0u : 9u);
    EXPECT_TRUE(counts[i].stable()) << counts[i].name;
  }
  // With parameters of their own, two operations of a kind are not one that is used twice.
  std::set<Key> own;
  for (const auto& design : all_cells()) own.insert(key(design.front()));
  EXPECT_EQ(own.size(), 6040u);
}

TEST(Cell, SpellingsOfOneStructureAreOneCell) {
  // x -> conv -> pool by different ways round: nodes 1 and 2 take turns, skip connections do nothing.
  const Cell one = canonical(cell("3zzzpz")), other = canonical(cell("z3zzzp")),
             third = canonical(cell("szpzz3"));
  EXPECT_EQ(one, other);
  EXPECT_EQ(one.text(), "1=nor_conv_3x3(0) 2=avg_pool_3x3(1) out=2");
  EXPECT_EQ(key(cell("3zzzpz")), key(cell("z3zzzp")));
  EXPECT_NE(key(cell("3zzzpz")), key(cell("pzzz3z")));
  EXPECT_EQ(third.text(), "1=avg_pool_3x3(0) 2=nor_conv_3x3(1) out=2") << "by way of nodes 1 and 2";
  // A sum that a skip connection passes on is flat; what is added twice counts twice.
  EXPECT_EQ(canonical(cell("szssss")).text(), "1=0+0+0 out=1");
  // Nothing arrives; a convolution of zero has its normalisation's shift, in training.
  EXPECT_EQ(canonical(cell("zzzzpp")).text(), "1=zero out=1");
  EXPECT_EQ(canonical(cell("zzzz3z")).text(), "1=nor_conv_3x3(zero) out=1");
  // One convolution used twice is not two.
  EXPECT_NE(key(cell("3zszss")), key(cell("33zzss")));
  EXPECT_EQ(cell_string(cell("3zzzss"), CellStrings::structural), "(0)@nor_conv_3x3");
  // Canonical forms stay what they are.
  Rng rng(1, "cells");
  for (int i = 0; i < 300; ++i) {
    const Cell form = canonical(all_cells()[rng.below(15625)].front());
    ASSERT_EQ(canonical(form), form) << form.text();
  }
}

TEST(Cell, CanonicalFormIgnoresTheOrderOfStates) {
  // Random DAGs of operations on sums, and the same with states in another order and terms shuffled.
  Rng rng(2, "cells");
  const auto shuffle = [&](auto& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
  };
  for (int round = 0; round < 300; ++round) {
    Cell one;
    one.inputs = 2;
    const int n = 6;
    for (int i = 0; i < n; ++i) {
      CellState state;
      state.op = rng.below(2) == 0 ? "a" : "b";
      for (int from = 0; from < 2 + i; ++from)
        if (rng.below(3) == 0) state.terms.push_back({from});
      one.states.push_back(state);
    }
    one.outputs = {2 + n - 1, 2 + n - 2};
    // A random order that respects the terms.
    std::vector<int> place{0, 1}, order;
    place.resize(2 + n, -1);
    while (static_cast<int>(order.size()) < n) {
      const int pick = static_cast<int>(rng.below(n));
      const auto& terms = one.states[pick].terms;
      if (place[2 + pick] < 0 &&
          std::all_of(terms.begin(), terms.end(), [&](const CellTerm& t) { return place[t.from] >= 0; })) {
        place[2 + pick] = 2 + static_cast<int>(order.size());
        order.push_back(pick);
      }
    }
    Cell other;
    other.inputs = 2;
    for (const int pick : order) {
      CellState state = one.states[pick];
      for (CellTerm& term : state.terms) term.from = place[term.from];
      shuffle(state.terms);
      other.states.push_back(std::move(state));
    }
    for (const int output : one.outputs) other.outputs.push_back(place[output]);
    shuffle(other.outputs);
    ASSERT_EQ(canonical(one), canonical(other)) << one.text() << "\n" << other.text();
    ASSERT_EQ(key(one), key(other));
  }
}

TEST(Cell, SpacesAreThePapersOnes) {
  EXPECT_EQ(cell_space(CellKind::nasbench201).cardinality(), 15625);
  EXPECT_EQ(cell_space(CellKind::darts).cardinality(), std::int64_t{1037664180} * 1037664180);
  EXPECT_EQ(cell_space(CellKind::nasbench101).cardinality(), (std::int64_t{1} << 21) * 243);
  for (const CellKind kind : {CellKind::nasbench201, CellKind::nasbench101, CellKind::darts}) {
    EXPECT_EQ(find_cells(cell_space(kind)), kind);
    EXPECT_EQ(cell_kind_from_name(cell_kind_name(kind)), kind);
    EXPECT_EQ(cell_space(kind).size(), cell_parameters(kind).size());
  }
  const auto written = [](const std::string& text) {
    return space::Space::from_document(Node::parse_toml(text, "s.toml"));
  };
  // Written out in a study file, restricted, and beside others.
  EXPECT_EQ(find_cells(written(R"(op_0_1 = ["none", "nor_conv_3x3"]
op_0_2 = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
op_1_2 = ["skip_connect"]
op_0_3 = ["none", "avg_pool_3x3"]
op_1_3 = ["none", "avg_pool_3x3"]
op_2_3 = ["none", "avg_pool_3x3"]
lr = { real = [0.01, 0.1] }
)")),
            CellKind::nasbench201);
  EXPECT_EQ(find_cells(written("op_0_1 = [\"none\"]\n")), std::nullopt);
  EXPECT_EQ(find_cells(written(R"(edge = { list = 21, flag = true }
op = { list = 5, choice = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"] }
where = ["count(edge, true) <= 9"]
)")),
            CellKind::nasbench101);
  EXPECT_THROW(cell_kind_from_name("nasbench102"), Error);
  EXPECT_THROW(cells_of(CellKind::nasbench201, space::Config()), Error);
}

TEST(Cell, NasBench101) {
  const std::string c3 = "conv3x3-bn-relu", c1 = "conv1x1-bn-relu", mp = "maxpool3x3";
  // Rows: 0-1 .. 0-6, 1-2 .. 1-6, 2-3 .. 2-6, 3-4 .. 3-6, 4-5 4-6, 5-6.
  const auto cell_of = [](const std::string& bits, const std::vector<std::string>& ops) {
    return cells_of(CellKind::nasbench101, test::vertices(bits, ops)).front();
  };
  // Input to 1 to output; vertex 2 hangs on the input and leads nowhere, 3 comes from nowhere.
  const Cell pruned = cell_of(
      "110000"
      "00001"
      "0000"
      "001"
      "00"
      "0",
      {c3, c1, mp, mp, mp});
  EXPECT_EQ(pruned.text(), "1=conv3x3-bn-relu(projection(0)) out=1");
  EXPECT_EQ(key(pruned), key(cell_of("010000"
                                     "00000"
                                     "0001"
                                     "000"
                                     "00"
                                     "0",
                                     {c1, c3, c1, c1, c1})));
  // Input and output alone, and joined to the rest.
  EXPECT_EQ(cell_of("000001"
                    "00000"
                    "0000"
                    "000"
                    "00"
                    "0",
                    {c3, c3, c3, c3, c3})
                .text(),
            "1=projection(0) out=1");
  EXPECT_EQ(cell_of("110001"
                    "00001"
                    "0001"
                    "000"
                    "00"
                    "0",
                    {c3, mp, c3, c3, c3})
                .text(),
            "1=conv3x3-bn-relu(projection(0)) 2=maxpool3x3(projection(0)) out=1,2+projection(0)");
  EXPECT_THROW(cell_of("110000"
                       "00000"
                       "0000"
                       "000"
                       "00"
                       "0",
                       {c3, c3, c3, c3, c3}),
               Error);
  EXPECT_THROW(cell_of("111111"
                       "11111"
                       "1111"
                       "111"
                       "11"
                       "1",
                       {c3, c3, c3, c3, c3}),
               Error);

  // The published numbers of distinct cells with up to five vertices: 1, 6, 84, 2441.
  const std::vector<std::string> ops{c3, c1, mp};
  std::set<Key> seen;
  const std::vector<std::size_t> published{1, 6, 84, 2441};
  std::size_t before = 0;
  for (int inner = 0; inner <= 3; ++inner) {
    const int n = inner + 2;
    // Vertices 0, 1 .. inner and 6 of the seven.
    std::vector<int> at;
    const auto index = [](int from, int to) { return from * 7 - from * (from + 1) / 2 + to - from - 1; };
    for (int from = 0; from < n; ++from)
      for (int to = from + 1; to < n; ++to) at.push_back(index(from, to == n - 1 ? 6 : to));
    int labels = 1;
    for (int i = 0; i < inner; ++i) labels *= 3;
    for (int mask = 0; mask < 1 << at.size(); ++mask) {
      std::string bits(21, '0');
      for (std::size_t i = 0; i < at.size(); ++i)
        if (mask >> i & 1) bits[at[i]] = '1';
      if (std::count(bits.begin(), bits.end(), '1') > 9) continue;
      for (int label = 0; label < labels; ++label) {
        std::vector<std::string> chosen(5, c3);
        for (int i = 0, rest = label; i < inner; ++i, rest /= 3) chosen[i] = ops[rest % 3];
        try {
          seen.insert(key(cell_of(bits, chosen)));
        } catch (const Error&) {
          break;  // no way through, whatever the operations
        }
      }
    }
    EXPECT_EQ(seen.size() - before, published[inner]) << inner + 2 << " vertices";
    before = seen.size();
  }
}

TEST(Cell, Darts) {
  const auto space = cell_space(CellKind::darts);
  Rng rng(3, "darts");
  for (int i = 0; i < 50; ++i) {
    const auto cells = cells_of(CellKind::darts, space.sample(rng));
    ASSERT_EQ(cells.size(), 2u);
    for (const Cell& one : cells) {
      EXPECT_EQ(one.inputs, 2);
      EXPECT_EQ(one.outputs.size(), 4u);
      EXPECT_EQ(canonical(one).outputs.size(), 4u);
    }
  }
  std::vector<space::Config::Entry> entries;
  for (const std::string& name : cell_parameters(CellKind::darts))
    entries.emplace_back(name, name.find("inputs") != std::string::npos ? "0_1" : "skip_connect");
  const auto skips = cells_of(CellKind::darts, space::Config(entries));
  EXPECT_EQ(canonical(skips[0]).text(), "2=0+1 3=0+1 4=0+1 5=0+1 out=2,3,4,5");
  EXPECT_NE(canonical(skips[1]).text().find("factorized_reduce"), std::string::npos);
}

}  // namespace
}  // namespace hone::task
