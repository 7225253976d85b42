// What training and running networks does beside products: optimisers, losses, rotations of positions, gates,
// gradients, quantised numbers.

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

void write_optimiser(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool decay = draw.chance(0.5), matrix = draw.chance(0.3);
  const auto dims = draw.extents(matrix ? 2 : 1, 3.0, 4);
  const std::string weights = text.buffer(dims), gradients = text.buffer(dims), first = text.buffer(dims),
                    second = text.buffer(dims), rate = text.scalar();
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const std::string at = listed(iv);
    const std::string w = text.load(weights, at);
    std::string g = text.load(gradients, at);
    if (decay) g = text.add(g, text.mul(w, text.constant(0.01)));
    const auto average = [&](const std::string& buffer, double share, const std::string& value) {
      const std::string next = text.add(text.mul(text.load(buffer, at), text.constant(share)),
                                        text.mul(value, text.constant(1.0 - share)));
      text.store(next, buffer, at);
      return next;
    };
    std::string step = g;
    if (kind == 1) step = average(first, 0.9, g);
    if (kind >= 2) {
      const std::string mean = kind == 2 ? average(first, 0.9, g) : g,
                        squares = average(second, 0.99, text.mul(g, g));
      step = text.div(mean, text.add(text.unary("math.sqrt", squares), text.constant(1e-3)));
    }
    text.store(text.sub(w, text.mul(rate, step)), weights, at);
  });
}

void write_loss(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 3);
  const bool gradient = draw.chance(0.5);
  const auto dims = draw.extents(2, 3.0, 4);
  const std::string x = text.buffer(dims), y = text.buffer(dims), sums = text.buffer({dims[0]}),
                    d = text.buffer(dims);
  if (kind == 0) {  // cross entropy: the greatest, the sum of exponentials, the difference to the target
    const std::string most = text.buffer({dims[0]});
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      text.store(text.max(text.load(most, iv[0]), text.load(x, listed(iv))), most, iv[0]);
    });
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      const std::string e =
          text.unary("math.exp", text.sub(text.load(x, listed(iv)), text.load(most, iv[0])));
      if (gradient) text.store(e, d, listed(iv));
      text.accumulate(sums, iv[0], e);
    });
    if (gradient)
      text.nest(dims, [&](const std::vector<std::string>& iv) {
        const std::string share = text.div(text.load(d, listed(iv)), text.load(sums, iv[0]));
        text.store(text.sub(share, text.load(y, listed(iv))), d, listed(iv));
      });
    return;
  }
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    const std::string a = text.load(x, listed(iv)), b = text.load(y, listed(iv));
    const std::string off = text.sub(a, b), zero = text.constant(0.0);
    std::string loss, slope;
    if (kind == 1) {  // squares
      loss = text.mul(off, off);
      slope = text.add(off, off);
    } else if (kind == 2) {  // hinge
      loss = text.max(zero, text.sub(text.constant(1.0), text.mul(a, b)));
      slope = text.choose(loss, zero, text.sub(zero, b), zero);
    } else {  // Huber
      const std::string size = text.unary("math.absf", off), one = text.constant(1.0);
      loss = text.choose(size, one, text.sub(size, text.constant(0.5)),
                         text.mul(text.constant(0.5), text.mul(off, off)));
      slope = text.max(text.min(off, one), text.constant(-1.0));
    }
    if (gradient) text.store(slope, d, listed(iv));
    text.accumulate(sums, iv[0], loss);
  });
}

void write_rotary(KernelText& text, KernelDraw& draw) {
  const bool halves = draw.chance(0.5), heads_inside = draw.chance(0.5), in_place = draw.chance(0.5);
  const auto dims = draw.extents(3, 3.0, 2);
  const auto positions = dims[0], heads = dims[1], half = dims[2];
  const KernelText::Dims shape = heads_inside ? KernelText::Dims{positions, heads, 2 * half}
                                              : KernelText::Dims{heads, positions, 2 * half};
  const std::string x = text.buffer(shape), y = in_place ? x : text.buffer(shape);
  const std::string cosines = text.buffer({positions, half}), sines = text.buffer({positions, half});
  text.nest({shape[0], shape[1], half}, [&](const std::vector<std::string>& iv) {
    const std::string& position = iv[heads_inside ? 0 : 1];
    const auto at = [&](bool other) {
      const std::string place = halves ? (other ? fmt::format("{} + {}", iv[2], half) : iv[2])
                                       : fmt::format("{} * 2 + {}", iv[2], other ? 1 : 0);
      return listed({iv[0], iv[1], place});
    };
    const std::string a = text.load(x, at(false)), b = text.load(x, at(true));
    const std::string c = text.load(cosines, listed({position, iv[2]})),
                      s = text.load(sines, listed({position, iv[2]}));
    text.store(text.sub(text.mul(a, c), text.mul(b, s)), y, at(false));
    text.store(text.add(text.mul(a, s), text.mul(b, c)), y, at(true));
  });
}

void write_gates(KernelText& text, KernelDraw& draw) {
  // A recurrent cell, or a gated unit: products with two or more matrices that meet element by element.
  const auto kind = draw.pick(0, 2);
  const bool transposed = draw.chance(0.4), one_nest = draw.chance(0.5);
  const auto dims = draw.extents(3, kind == 2 ? 3.0 : 2.0, 3);
  const auto batch = dims[0], width = dims[1], inner = dims[2];
  const std::int64_t gates = kind == 2 ? 3 : 2;
  const std::string x = text.buffer({batch, inner}), out = text.buffer({batch, width}),
                    state = text.buffer({batch, width});
  std::vector<std::string> matrices, sums;
  for (std::int64_t g = 0; g < gates; ++g) {
    matrices.push_back(
        text.buffer(transposed ? KernelText::Dims{width, inner} : KernelText::Dims{inner, width}));
    sums.push_back(text.buffer({batch, width}));
  }
  const auto product = [&](std::size_t g, const std::string& b, const std::string& j, const std::string& k) {
    text.accumulate(sums[g], listed({b, j}),
                    text.mul(text.load(x, listed({b, k})),
                             text.load(matrices[g], transposed ? listed({j, k}) : listed({k, j}))));
  };
  const auto order = [&](const auto& body) {
    if (transposed)
      text.nest({batch, width, inner},
                [&](const std::vector<std::string>& iv) { body(iv[0], iv[1], iv[2]); });
    else
      text.nest({batch, inner, width},
                [&](const std::vector<std::string>& iv) { body(iv[0], iv[2], iv[1]); });
  };
  if (one_nest)
    order([&](const std::string& b, const std::string& j, const std::string& k) {
      for (std::size_t g = 0; g < matrices.size(); ++g) product(g, b, j, k);
    });
  else
    for (std::size_t g = 0; g < matrices.size(); ++g)
      order([&](const std::string& b, const std::string& j, const std::string& k) { product(g, b, j, k); });
  text.nest({batch, width}, [&](const std::vector<std::string>& iv) {
    const std::string at = listed(iv), one = text.constant(1.0);
    const auto sigmoid = [&](const std::string& v) {
      return text.div(one, text.add(one, text.unary("math.exp", text.sub(text.constant(0.0), v))));
    };
    const std::string a = text.load(sums[0], at), b = text.load(sums[1], at);
    std::string value;
    if (kind == 0) {  // SwiGLU
      value = text.mul(text.mul(a, sigmoid(a)), b);
    } else if (kind == 1) {  // a minimal gated unit
      const std::string gate = sigmoid(a), before = text.load(state, at);
      value = text.add(text.mul(gate, before), text.mul(text.sub(one, gate), text.unary("math.tanh", b)));
      text.store(value, state, at);
    } else {
      value =
          text.mul(sigmoid(text.load(sums[2], at)), text.unary("math.tanh", text.mul(a, text.max(b, one))));
    }
    text.store(value, out, at);
  });
}

void write_gradients(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 2);
  const bool rows_first = draw.chance(0.5);
  const auto dims = draw.extents(2, 4.0, 4);
  const std::string x = text.buffer(dims), dy = text.buffer(dims), dx = text.buffer(dims);
  const std::string gain = text.buffer({dims[1]}), d_gain = text.buffer({dims[1]}),
                    d_bias = text.buffer({dims[1]});
  const auto columns = [&](const auto& body) {  // sums over rows
    if (rows_first)
      text.nest(dims, [&](const std::vector<std::string>& iv) { body(iv[0], iv[1]); });
    else
      text.nest({dims[1], dims[0]}, [&](const std::vector<std::string>& iv) { body(iv[1], iv[0]); });
  };
  if (kind == 0) {  // of a bias and a rectifier
    columns([&](const std::string& i, const std::string& j) {
      const std::string zero = text.constant(0.0);
      const std::string slope =
          text.choose(text.load(x, listed({i, j})), zero, text.load(dy, listed({i, j})), zero);
      text.store(slope, dx, listed({i, j}));
      text.accumulate(d_bias, j, slope);
    });
    return;
  }
  const std::string mean = text.buffer({dims[0]}), spread = text.buffer({dims[0]});
  const std::string one = text.buffer({dims[0]}), two = text.buffer({dims[0]});
  const auto scaled = [&](const std::string& i, const std::string& j) {
    return text.mul(text.sub(text.load(x, listed({i, j})), text.load(mean, i)), text.load(spread, i));
  };
  columns([&](const std::string& i, const std::string& j) {  // of a layer's norm: gain and bias
    const std::string slope = text.load(dy, listed({i, j}));
    text.accumulate(d_gain, j, text.mul(slope, scaled(i, j)));
    text.accumulate(d_bias, j, slope);
  });
  if (kind == 1) return;
  text.nest(dims, [&](const std::vector<std::string>& iv) {  // two sums a row
    const std::string slope = text.mul(text.load(dy, listed(iv)), text.load(gain, iv[1]));
    text.accumulate(one, iv[0], slope);
    text.accumulate(two, iv[0], text.mul(slope, scaled(iv[0], iv[1])));
  });
  text.nest(dims, [&](const std::vector<std::string>& iv) {  // and the input's
    const std::string share = text.constant(1.0 / static_cast<double>(dims[1]));
    const std::string slope = text.mul(text.load(dy, listed(iv)), text.load(gain, iv[1]));
    const std::string rest =
        text.add(text.load(one, iv[0]), text.mul(scaled(iv[0], iv[1]), text.load(two, iv[0])));
    text.store(text.mul(text.load(spread, iv[0]), text.sub(slope, text.mul(share, rest))), dx, listed(iv));
  });
}

void write_quantised(KernelText& text, KernelDraw& draw) {
  // Weights as whole numbers with a scale a row or a group.
  const auto kind = draw.pick(0, 2);
  const auto dims = draw.extents(2, 1.5, 4);
  const std::string codes = text.integers(dims), scales = text.buffer({dims[0]}), x = text.buffer({dims[1]}),
                    y = text.buffer({dims[0]}), out = text.buffer(dims);
  if (kind == 0) {  // made real
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      const std::string value = text.real(text.load(codes, listed(iv)));
      text.store(text.mul(value, text.load(scales, iv[0])), out, listed(iv));
    });
  } else if (kind == 1) {  // times a vector, scaled at the end
    text.loop(0, dims[0], [&](const std::string& i) {
      const std::string zero = text.constant(0.0);
      const std::string sum =
          text.reduce(0, dims[1], zero, [&](const std::string& j, const std::string& so_far) {
            return text.add(so_far, text.mul(text.real(text.load(codes, listed({i, j}))), text.load(x, j)));
          });
      text.store(text.mul(sum, text.load(scales, i)), y, i);
    });
  } else {  // products of whole numbers, columns inside
    const std::string sums = text.buffer({dims[1]});
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      const std::string value = text.mul(text.real(text.load(codes, listed(iv))), text.load(scales, iv[0]));
      text.accumulate(sums, iv[1], value);
    });
  }
}

}  // namespace hone::cost
