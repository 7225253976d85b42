// Element-wise, reductions, data movement, recurrences, and nests of random accesses.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

std::vector<std::size_t> random_order(KernelDraw& draw, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[draw.group.below(i)]);
  return order;
}

}  // namespace

void write_elementwise(KernelText& text, KernelDraw& draw) {
  const auto rank = static_cast<std::size_t>(draw.pick(1, 3));
  const auto inputs = draw.pick(1, 4);
  const bool broadcast = rank > 1 && draw.chance(0.3), in_place = draw.chance(0.3);
  const bool scalar = draw.chance(0.4), swapped = rank > 1 && draw.chance(0.25);
  const auto dims = draw.extents(rank);
  std::vector<std::string> sources;
  for (std::int64_t i = 0; i < inputs; ++i)
    sources.push_back(text.buffer(broadcast && i == 1 ? KernelText::Dims{dims.back()} : dims));
  const std::string factor = scalar ? text.scalar() : "";
  const std::string target = in_place ? sources.front() : text.buffer(dims);
  auto extents = dims;
  if (swapped) std::swap(extents[0], extents[rank - 1]);
  text.nest(extents, [&](std::vector<std::string> iv) {
    if (swapped) std::swap(iv[0], iv[rank - 1]);
    std::vector<std::string> values;
    for (std::size_t i = 0; i < sources.size(); ++i)
      values.push_back(text.load(sources[i], broadcast && i == 1 ? iv.back() : listed(iv)));
    if (scalar) values.push_back(factor);
    text.store(random_expression(text, draw, values, 6), target, listed(iv));
  });
}

void write_reduction(KernelText& text, KernelDraw& draw) {
  const auto rank = static_cast<std::size_t>(draw.pick(1, 3));
  const auto axis = static_cast<std::size_t>(draw.pick(0, static_cast<std::int64_t>(rank) - 1));
  const auto kind = draw.pick(0, 4);
  const bool in_register = draw.chance(0.5), two = kind == 1;
  const bool axis_inside = in_register || draw.chance(0.5);
  const auto dims = draw.extents(rank);
  const std::string source = text.buffer(dims), other = two ? text.buffer(dims) : "";
  KernelText::Dims kept = dims;
  kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(axis));
  const std::string target = text.buffer(kept.empty() ? KernelText::Dims{1} : kept);
  const auto where = [&](const std::vector<std::string>& iv) {
    return iv.empty() ? std::string("0") : listed(iv);
  };
  const auto full = [&](std::vector<std::string> iv, const std::string& at) {
    iv.insert(iv.begin() + static_cast<std::ptrdiff_t>(axis), at);
    return listed(iv);
  };
  const auto combine = [&](const std::string& so_far, const std::string& place) {
    const std::string value = text.load(source, place);
    switch (kind) {
      case 0:
        return text.add(so_far, value);
      case 1:
        return text.add(so_far, text.mul(value, text.load(other, place)));
      case 2:
        return text.max(so_far, value);
      case 3:
        return text.add(so_far, text.mul(value, value));
      default:
        return text.add(so_far, text.unary("math.absf", value));
    }
  };
  if (in_register) {
    text.nest(kept, [&](const std::vector<std::string>& iv) {
      const std::string start = text.constant(0.0);
      text.store(text.reduce(0, dims[axis], start,
                             [&](const std::string& at, const std::string& so_far) {
                               return combine(so_far, full(iv, at));
                             }),
                 target, where(iv));
    });
    return;
  }
  const std::string zero = text.constant(0.0);
  text.nest(kept, [&](const std::vector<std::string>& iv) { text.store(zero, target, where(iv)); });
  KernelText::Dims loops = kept;
  loops.insert(axis_inside ? loops.end() : loops.begin(), dims[axis]);
  text.nest(loops, [&](std::vector<std::string> iv) {
    const auto at = axis_inside ? iv.end() - 1 : iv.begin();
    const std::string reduced = *at;
    iv.erase(at);
    text.store(combine(text.load(target, where(iv)), full(iv, reduced)), target, where(iv));
  });
}

void write_transpose(KernelText& text, KernelDraw& draw) {
  const auto rank = static_cast<std::size_t>(draw.pick(2, 4));
  const auto order = random_order(draw, rank), loops = random_order(draw, rank);
  const bool computes = draw.chance(0.4);
  const auto dims = draw.extents(rank);
  KernelText::Dims moved(rank), extents(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    moved[i] = dims[order[i]];
    extents[i] = dims[loops[i]];
  }
  const std::string source = text.buffer(dims), target = text.buffer(moved);
  text.nest(extents, [&](const std::vector<std::string>& iv) {
    std::vector<std::string> from(rank), to(rank);
    for (std::size_t i = 0; i < rank; ++i) from[loops[i]] = iv[i];
    for (std::size_t i = 0; i < rank; ++i) to[i] = from[order[i]];
    std::string value = text.load(source, listed(from));
    if (computes) value = random_expression(text, draw, {value, text.constant(1.25)}, 2);
    text.store(value, target, listed(to));
  });
}

void write_scan(KernelText& text, KernelDraw& draw) {
  const bool rows = draw.chance(0.6), across = draw.chance(0.5), paths = draw.chance(0.2);
  const auto lag = draw.pick(1, 3);
  const auto taps = draw.pick(1, 2);
  if (paths) {  // all shortest paths, in place
    const auto extent = draw.extents(1, 1.0, 8).front();
    const auto n =
        std::max<std::int64_t>(8, static_cast<std::int64_t>(std::cbrt(static_cast<double>(extent))));
    const std::string path = text.buffer({n, n});
    text.nest({n, n, n}, [&](const std::vector<std::string>& iv) {
      const std::string direct = text.load(path, listed({iv[1], iv[2]}));
      const std::string through =
          text.add(text.load(path, listed({iv[1], iv[0]})), text.load(path, listed({iv[0], iv[2]})));
      text.store(text.min(direct, through), path, listed({iv[1], iv[2]}));
    });
    return;
  }
  auto dims = draw.extents(rows ? 2 : 1, 1.0, 8);
  const std::string source = text.buffer(dims), target = text.buffer(dims);
  const std::string decay = text.scalar();
  const auto step = [&](const std::string& row, const std::string& at) {
    const auto place = [&](std::int64_t back) {
      const std::string index = back == 0 ? at : fmt::format("{} - {}", at, back);
      if (!rows) return index;
      return across ? listed({index, row}) : listed({row, index});
    };
    std::string value = text.load(source, place(0));
    for (std::int64_t tap = 0; tap < taps; ++tap)
      value = text.add(value, text.mul(decay, text.load(target, place(lag + tap))));
    text.store(value, target, place(0));
  };
  const auto along = rows && !across ? dims[1] : dims[0];
  if (!rows) {
    text.loop(lag + taps, std::max(along, lag + taps + 1), [&](const std::string& at) { step("", at); });
    return;
  }
  const auto other = across ? dims[1] : dims[0];
  if (draw.chance(0.5)) {
    text.loop(0, other, [&](const std::string& row) {
      text.loop(lag + taps, along, [&](const std::string& at) { step(row, at); });
    });
  } else {
    text.loop(lag + taps, along, [&](const std::string& at) {
      text.loop(0, other, [&](const std::string& row) { step(row, at); });
    });
  }
}

void write_random_nest(KernelText& text, KernelDraw& draw) {
  const auto depth = static_cast<std::size_t>(draw.pick(1, 4));
  const auto reads = draw.pick(1, 4);
  const auto dims = draw.extents(depth);
  // An access: for each of its dimensions a loop variable, at times with a stride, an offset or a second one.
  struct Access {
    std::string buffer;
    std::vector<std::string> forms;  ///< with "{N}" for variable N
    KernelText::Dims extents;
  };
  const auto access = [&](bool write) {
    Access one;
    const auto order = random_order(draw, depth);
    const auto rank = write && draw.chance(0.6)
                          ? depth
                          : static_cast<std::size_t>(draw.pick(1, static_cast<std::int64_t>(depth)));
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t variable = order[i];
      const std::int64_t stride = draw.chance(0.12) ? draw.pick(2, 3) : 1;
      const std::int64_t offset = draw.chance(0.25) ? draw.pick(1, 3) : 0;
      const bool sum = rank < depth && depth > 1 && draw.chance(0.15);
      const std::size_t second = order[depth - 1];
      std::string form =
          stride == 1 ? fmt::format("#{}", variable) : fmt::format("#{} * {}", variable, stride);
      std::int64_t extent = (dims[variable] - 1) * stride + 1 + offset;
      if (sum && second != variable) {
        form += fmt::format(" + #{}", second);
        extent += dims[second] - 1;
      }
      if (offset > 0) form += fmt::format(" + {}", offset);
      one.forms.push_back(form);
      one.extents.push_back(extent);
    }
    one.buffer = text.buffer(one.extents);
    return one;
  };
  const auto indices = [&](const Access& one, const std::vector<std::string>& iv) {
    std::vector<std::string> written;
    for (std::string form : one.forms) {
      for (std::size_t at = form.find('#'); at != std::string::npos; at = form.find('#'))
        form = form.substr(0, at) + iv[static_cast<std::size_t>(form[at + 1] - '0')] + form.substr(at + 2);
      written.push_back(form);
    }
    return listed(written);
  };
  std::vector<Access> sources;
  for (std::int64_t i = 0; i < reads; ++i) sources.push_back(access(false));
  const Access target = access(true);
  const bool accumulates = target.forms.size() < depth || draw.chance(0.3);
  text.nest(dims, [&](const std::vector<std::string>& iv) {
    std::vector<std::string> values;
    for (const auto& source : sources) values.push_back(text.load(source.buffer, indices(source, iv)));
    std::string value = random_expression(text, draw, values, 5);
    if (accumulates) value = text.add(text.load(target.buffer, indices(target, iv)), value);
    text.store(value, target.buffer, indices(target, iv));
  });
}

void write_chain(KernelText& text, KernelDraw& draw) {
  const auto stages = draw.pick(2, 5);
  const bool flat = draw.chance(0.4);
  const auto dims = draw.extents(flat ? 1 : 2, static_cast<double>(stages));
  std::vector<std::string> there = {text.buffer(dims), text.buffer(dims)};
  const std::string row = flat ? "" : text.buffer({dims[0]});
  const std::string out = text.buffer(dims);
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const bool last = stage + 1 == stages;
    const std::string a = draw.any(there), b = draw.any(there);
    const auto kind = flat ? 0 : draw.pick(0, 3);
    if (kind == 3 && !last) {  // a value a row, used by the next stage
      const std::string zero = text.constant(0.0);
      text.nest({dims[0]}, [&](const std::vector<std::string>& iv) { text.store(zero, row, iv[0]); });
      text.nest(dims, [&](const std::vector<std::string>& iv) {
        text.store(text.add(text.load(row, iv[0]), text.load(a, listed(iv))), row, iv[0]);
      });
      continue;
    }
    const std::string target = last ? out : text.local(dims);
    text.nest(dims, [&](const std::vector<std::string>& iv) {
      std::vector<std::string> values = {text.load(a, listed(iv)), text.load(b, listed(iv))};
      if (!flat && kind == 2) values.push_back(text.load(row, iv[0]));
      text.store(random_expression(text, draw, values, 3), target, listed(iv));
    });
    there.push_back(target);
  }
}

}  // namespace hone::cost
