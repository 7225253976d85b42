// Softmax, attention, normalisations as loops; and graphs of linalg operations on tensors.

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

const std::string& exponential() {
  static const std::string name = "math.exp";
  return name;
}

/// Softmax of each row of a buffer, in place: maximum, exponentials and their sum, division.
void softmax_rows(KernelText& text, const std::string& x, std::int64_t rows, std::int64_t columns,
                  bool divides) {
  text.loop(0, rows, [&](const std::string& row) {
    const std::string first = text.load(x, listed({row, "0"}));
    const std::string most =
        text.reduce(0, columns, first, [&](const std::string& at, const std::string& so_far) {
          return text.max(so_far, text.load(x, listed({row, at})));
        });
    const std::string zero = text.constant(0.0);
    const std::string sum =
        text.reduce(0, columns, zero, [&](const std::string& at, const std::string& so_far) {
          const std::string value =
              text.unary(exponential(), text.sub(text.load(x, listed({row, at})), most));
          text.store(value, x, listed({row, at}));
          return text.add(so_far, value);
        });
    const std::string inverse = divides ? "" : text.div(text.constant(1.0), sum);
    text.loop(0, columns, [&](const std::string& at) {
      const std::string value = text.load(x, listed({row, at}));
      text.store(divides ? text.div(value, sum) : text.mul(value, inverse), x, listed({row, at}));
    });
  });
}

/// A matrix product of tensors that starts at zero.
std::string matrix_product(KernelText& text, const std::string& a, const std::string& b, std::int64_t rows,
                           std::int64_t columns) {
  return text.named("linalg.matmul", {a, b}, text.fill({rows, columns}, text.constant(0.0)));
}

/// out[i, j] = f(x[i, j], others...), where others have maps of their own.
std::string map(KernelText& text, const std::vector<std::string>& inputs,
                const std::vector<std::string>& maps, const KernelText::Dims& dims,
                const std::function<std::string(const std::vector<std::string>&)>& body) {
  std::vector<std::string> every;
  for (std::size_t i = 0; i < dims.size(); ++i) every.push_back(fmt::format("d{}", i));
  return text.generic(dims.size(), inputs, maps, text.empty(dims), listed(every),
                      std::vector<bool>(dims.size(), false), body);
}

/// A reduction over the last of two dimensions.
std::string rows(
    KernelText& text, const std::string& x, std::int64_t count, bool maximum,
    const std::function<std::string(const std::string&)>& of = [](const std::string& v) { return v; }) {
  return text.generic(2, {x}, {"d0, d1"}, text.fill({count}, text.constant(maximum ? -1e30 : 0.0)), "d0",
                      {false, true}, [&](const std::vector<std::string>& v) {
                        return maximum ? text.max(v[1], of(v[0])) : text.add(v[1], of(v[0]));
                      });
}

std::string softmax(KernelText& text, const std::string& x, const KernelText::Dims& dims) {
  const std::string most = rows(text, x, dims[0], true);
  const std::string powers =
      map(text, {x, most}, {"d0, d1", "d0"}, dims,
          [&](const std::vector<std::string>& v) { return text.unary(exponential(), text.sub(v[0], v[1])); });
  const std::string sums = rows(text, powers, dims[0], false);
  return map(text, {powers, sums}, {"d0, d1", "d0"}, dims,
             [&](const std::vector<std::string>& v) { return text.div(v[0], v[1]); });
}

std::string activation(KernelText& text, KernelDraw& draw, const std::string& value) {
  switch (draw.pick(0, 3)) {
    case 0:
      return text.max(value, text.constant(0.0));
    case 1:
      return text.unary("math.tanh", value);
    case 2:
      return text.mul(value, value);
    default:
      return text.floating()
                 ? text.div(value, text.add(text.constant(1.0),
                                            text.unary(exponential(), text.sub(text.constant(0.0), value))))
                 : text.max(value, text.constant(0.0));
  }
}

}  // namespace

void write_softmax(KernelText& text, KernelDraw& draw) {
  const bool divides = draw.chance(0.5), scaled = draw.chance(0.3);
  const auto dims = draw.extents(2, 4.0, 3);
  const std::string x = text.buffer(dims);
  if (scaled)
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      text.store(text.mul(text.load(x, listed(iv)), text.constant(0.125)), x, listed(iv));
    });
  softmax_rows(text, x, dims[0], dims[1], divides);
}

void write_attention(KernelText& text, KernelDraw& draw) {
  const bool causal = draw.chance(0.3), divides = draw.chance(0.5), in_register = draw.chance(0.5),
             transposed = draw.chance(0.3);
  auto dims = draw.extents(3, 2.0, 4);
  const auto queries = dims[0], keys = dims[1], width = dims[2];
  const std::string q = text.buffer({queries, width});
  const std::string k =
      text.buffer(transposed ? KernelText::Dims{width, keys} : KernelText::Dims{keys, width});
  const std::string v = text.buffer({keys, width}), scores = text.buffer({queries, keys}),
                    out = text.buffer({queries, width});
  const auto term = [&](const std::string& i, const std::string& j, const std::string& d) {
    return text.mul(text.load(q, listed({i, d})), text.load(k, transposed ? listed({d, j}) : listed({j, d})));
  };
  const std::string zero = text.constant(0.0);
  text.loop(0, queries, [&](const std::string& i) {
    text.loop(0, keys, [&](const std::string& j) {
      if (in_register) {
        text.store(text.reduce(0, width, zero,
                               [&](const std::string& d, const std::string& so_far) {
                                 return text.add(so_far, term(i, j, d));
                               }),
                   scores, listed({i, j}));
      } else {
        text.store(zero, scores, listed({i, j}));
        text.loop(0, width, [&](const std::string& d) {
          text.store(text.add(text.load(scores, listed({i, j})), term(i, j, d)), scores, listed({i, j}));
        });
      }
    });
  });
  softmax_rows(text, scores, queries, keys, divides);
  const bool masked = causal && queries <= keys;
  text.loop(0, queries, [&](const std::string& i) {
    text.loop(0, width, [&](const std::string& d) { text.store(zero, out, listed({i, d})); });
    text.loop("0", masked ? i + " + 1" : fmt::format("{}", keys), [&](const std::string& j) {
      text.loop(0, width, [&](const std::string& d) {
        text.store(text.add(text.load(out, listed({i, d})),
                            text.mul(text.load(scores, listed({i, j})), text.load(v, listed({j, d})))),
                   out, listed({i, d}));
      });
    });
  });
}

void write_normalisation(KernelText& text, KernelDraw& draw) {
  const bool centred = draw.chance(0.6), affine = draw.chance(0.6), columns_first = draw.chance(0.3);
  const auto dims = draw.extents(2, 3.0, 4);
  const auto count = columns_first ? dims[1] : dims[0], along = columns_first ? dims[0] : dims[1];
  const std::string x = text.buffer(dims), y = text.buffer(dims);
  const std::string gain = affine ? text.buffer({along}) : "", bias = affine ? text.buffer({along}) : "";
  const auto at = [&](const std::string& one, const std::string& other) {
    return columns_first ? listed({other, one}) : listed({one, other});
  };
  text.loop(0, count, [&](const std::string& one) {
    const std::string zero = text.constant(0.0), share = text.constant(1.0 / static_cast<double>(along));
    std::string mean = zero;
    if (centred)
      mean = text.mul(text.reduce(0, along, zero,
                                  [&](const std::string& i, const std::string& so_far) {
                                    return text.add(so_far, text.load(x, at(one, i)));
                                  }),
                      share);
    const std::string squares =
        text.reduce(0, along, zero, [&](const std::string& i, const std::string& so_far) {
          const std::string off = text.sub(text.load(x, at(one, i)), mean);
          return text.add(so_far, text.mul(off, off));
        });
    const std::string spread =
        text.unary("math.sqrt", text.add(text.mul(squares, share), text.constant(1e-5)));
    text.loop(0, along, [&](const std::string& i) {
      std::string value = text.div(text.sub(text.load(x, at(one, i)), mean), spread);
      if (affine) value = text.add(text.mul(value, text.load(gain, i)), text.load(bias, i));
      text.store(value, y, at(one, i));
    });
  });
}

void write_graph_elementwise(KernelText& text, KernelDraw& draw) {
  const auto rank = static_cast<std::size_t>(draw.pick(1, 3));
  const auto stages = draw.pick(1, 4);
  const auto dims = draw.extents(rank, static_cast<double>(stages));
  std::vector<std::string> every;
  for (std::size_t i = 0; i < rank; ++i) every.push_back(fmt::format("d{}", i));
  std::vector<std::string> there = {text.tensor(dims), text.tensor(dims)};
  const std::string row = text.tensor({dims.back()});
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const bool uses_row = draw.chance(0.4);
    std::vector<std::string> inputs = {there.back(), draw.any(there)}, maps = {listed(every), listed(every)};
    if (uses_row) {
      inputs.push_back(row);
      maps.push_back(every.back());
    }
    there.push_back(map(text, inputs, maps, dims, [&](const std::vector<std::string>& v) {
      return random_expression(text, draw, {v.begin(), v.end() - 1}, 3);
    }));
  }
  text.give_back(there.back());
}

void write_graph_perceptron(KernelText& text, KernelDraw& draw) {
  const auto layers = draw.pick(1, 3);
  const auto dims = draw.extents(3, static_cast<double>(layers), 4);
  const auto batch = dims[0];
  auto width = dims[1];
  std::string x = text.tensor({batch, width});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto out = layer % 2 == 0 ? dims[2] : dims[1];
    const std::string weights = text.tensor({width, out}), bias = text.tensor({out});
    const std::string sums = matrix_product(text, x, weights, batch, out);
    x = map(text, {sums, bias}, {"d0, d1", "d1"}, {batch, out},
            [&](const std::vector<std::string>& v) { return activation(text, draw, text.add(v[0], v[1])); });
    width = out;
  }
  text.give_back(x);
}

void write_graph_attention(KernelText& text, KernelDraw& draw) {
  const auto dims = draw.extents(3, 2.0, 4);
  const auto queries = dims[0], keys = dims[1], width = dims[2];
  const bool projected = draw.chance(0.4);
  std::string q = text.tensor({queries, width});
  const std::string k = text.tensor({width, keys}), v = text.tensor({keys, width});
  if (projected) q = matrix_product(text, q, text.tensor({width, width}), queries, width);
  std::string scores = matrix_product(text, q, k, queries, keys);
  const std::string scale = text.constant(1.0 / std::sqrt(static_cast<double>(width)));
  scores = map(text, {scores}, {"d0, d1"}, {queries, keys},
               [&](const std::vector<std::string>& value) { return text.mul(value[0], scale); });
  text.give_back(matrix_product(text, softmax(text, scores, {queries, keys}), v, queries, width));
}

void write_graph_convolution(KernelText& text, KernelDraw& draw) {
  const auto size = draw.any(std::vector<std::int64_t>{1, 3, 3, 5});
  const bool depthwise = draw.chance(0.3), activated = draw.chance(0.6);
  const auto dims = draw.extents(4, static_cast<double>(size * size), 2);
  const auto rows_in = dims[2] + size - 1, columns_in = dims[3] + size - 1;
  const std::string attributes = "{dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}";
  const auto channels = depthwise ? dims[1] : dims[0];
  const std::string x = text.tensor({1, rows_in, columns_in, dims[1]});
  const std::string w = text.tensor(depthwise ? KernelText::Dims{size, size, dims[1]}
                                              : KernelText::Dims{size, size, dims[1], dims[0]});
  const KernelText::Dims shape = {1, dims[2], dims[3], channels};
  std::string y = text.named(depthwise ? "linalg.depthwise_conv_2d_nhwc_hwc" : "linalg.conv_2d_nhwc_hwcf",
                             {x, w}, text.fill(shape, text.constant(0.0)), attributes);
  if (activated) {
    const std::string bias = text.tensor({channels});
    y = map(text, {y, bias}, {"d0, d1, d2, d3", "d3"}, shape,
            [&](const std::vector<std::string>& v) { return activation(text, draw, text.add(v[0], v[1])); });
  }
  text.give_back(y);
}

void write_graph_normalisation(KernelText& text, KernelDraw& draw) {
  const bool whole = draw.chance(0.5);
  const auto dims = draw.extents(2, 4.0, 4);
  const std::string x = text.tensor(dims);
  if (draw.chance(0.4)) {
    text.give_back(softmax(text, x, dims));
    return;
  }
  const std::string share = text.constant(1.0 / static_cast<double>(dims[1]));
  std::string centred = x;
  if (whole) {
    const std::string sums = rows(text, x, dims[0], false);
    centred = map(text, {x, sums}, {"d0, d1", "d0"}, dims,
                  [&](const std::vector<std::string>& v) { return text.sub(v[0], text.mul(v[1], share)); });
  }
  const std::string squares =
      rows(text, centred, dims[0], false, [&](const std::string& v) { return text.mul(v, v); });
  const std::string gain = text.tensor({dims[1]});
  text.give_back(map(text, {centred, squares, gain}, {"d0, d1", "d0", "d1"}, dims,
                     [&](const std::vector<std::string>& v) {
                       const std::string spread =
                           text.unary("math.sqrt", text.add(text.mul(v[1], share), text.constant(1e-5)));
                       return text.mul(text.div(v[0], spread), v[2]);
                     }));
}

}  // namespace hone::cost
