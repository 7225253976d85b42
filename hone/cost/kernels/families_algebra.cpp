// Matrix-vector and matrix products in all loop orders.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

constexpr std::array<std::array<std::size_t, 3>, 6> kOrders = {
    {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};

/// How a product's operands and loops are laid.
struct Layout {
  bool a_transposed, b_transposed, in_register, scaled;
  std::array<std::size_t, 3> order;

  explicit Layout(KernelDraw& draw)
      : a_transposed(draw.chance(0.2)),
        b_transposed(draw.chance(0.25)),
        in_register(draw.chance(0.25)),
        scaled(draw.chance(0.25)),
        order(kOrders[draw.group.below(kOrders.size())]) {}
};

/// c[i, j] += a[i, k] * b[k, j], each with the indices `before` in front (of a batch).
void add_product(KernelText& text, const Layout& layout, const KernelText::Dims& mnk, const std::string& a,
                 const std::string& b, const std::string& c, const std::string& alpha,
                 const std::string& before = "") {
  const auto at = [&](const std::string& row, const std::string& column, bool transposed) {
    return before + (transposed ? listed({column, row}) : listed({row, column}));
  };
  const auto term = [&](const std::string& i, const std::string& j, const std::string& k) {
    std::string left = text.load(a, at(i, k, layout.a_transposed));
    if (!alpha.empty()) left = text.mul(left, alpha);
    return text.mul(left, text.load(b, at(k, j, layout.b_transposed)));
  };
  if (layout.in_register) {
    text.nest({mnk[0], mnk[1]}, [&](const std::vector<std::string>& iv) {
      const std::string zero = text.constant(0.0);
      text.store(text.reduce(0, mnk[2], zero,
                             [&](const std::string& k, const std::string& so_far) {
                               return text.add(so_far, term(iv[0], iv[1], k));
                             }),
                 c, at(iv[0], iv[1], false));
    });
    return;
  }
  text.nest({mnk[layout.order[0]], mnk[layout.order[1]], mnk[layout.order[2]]},
            [&](const std::vector<std::string>& iv) {
              std::array<std::string, 3> ijk;
              for (std::size_t level = 0; level < 3; ++level) ijk[layout.order[level]] = iv[level];
              const std::string place = at(ijk[0], ijk[1], false);
              text.store(text.add(text.load(c, place), term(ijk[0], ijk[1], ijk[2])), c, place);
            });
}

std::string matrix(KernelText& text, bool transposed, std::int64_t rows, std::int64_t columns) {
  return text.buffer(transposed ? KernelText::Dims{columns, rows} : KernelText::Dims{rows, columns});
}

void clear(KernelText& text, const std::string& target, const KernelText::Dims& dims) {
  const std::string zero = text.constant(0.0);
  text.nest(dims, [&](const std::vector<std::string>& iv) { text.store(zero, target, listed(iv)); });
}

}  // namespace

void write_matvec(KernelText& text, KernelDraw& draw) {
  const auto kind = draw.pick(0, 4);
  const bool column_first = draw.chance(0.4), in_register = draw.chance(0.3);
  const auto dims = draw.extents(2, kind >= 2 ? 2.0 : 1.0, 4);
  const std::string a = text.buffer(dims);
  // y += A x, or with transposed A; the rows or the columns in the outer loop.
  const auto multiply = [&](const std::string& matrix_name, bool transposed, const std::string& x,
                            const std::string& y, bool swapped) {
    const auto rows = transposed ? dims[1] : dims[0], columns = transposed ? dims[0] : dims[1];
    const auto at = [&](const std::string& row, const std::string& column) {
      return transposed ? listed({column, row}) : listed({row, column});
    };
    if (in_register) {
      text.loop(0, rows, [&](const std::string& row) {
        const std::string start = text.load(y, row);
        text.store(text.reduce(0, columns, start,
                               [&](const std::string& column, const std::string& so_far) {
                                 return text.add(so_far, text.mul(text.load(matrix_name, at(row, column)),
                                                                  text.load(x, column)));
                               }),
                   y, row);
      });
      return;
    }
    text.nest({swapped ? columns : rows, swapped ? rows : columns}, [&](const std::vector<std::string>& iv) {
      const std::string& row = swapped ? iv[1] : iv[0];
      const std::string& column = swapped ? iv[0] : iv[1];
      text.store(text.add(text.load(y, row),
                          text.mul(text.load(matrix_name, at(row, column)), text.load(x, column))),
                 y, row);
    });
  };
  const std::string wide = text.buffer({dims[1]}), tall = text.buffer({dims[0]});
  switch (kind) {
    case 0:
      multiply(a, false, wide, tall, column_first);
      break;
    case 1:
      multiply(a, true, tall, wide, column_first);
      break;
    case 2: {  // A^T (A x)
      const std::string middle = text.buffer({dims[0]});
      clear(text, middle, {dims[0]});
      multiply(a, false, wide, middle, column_first);
      multiply(a, true, middle, wide, draw.chance(0.5));
      break;
    }
    case 3: {  // both products in one nest
      const std::string out_tall = text.buffer({dims[0]}), out_wide = text.buffer({dims[1]});
      text.nest({dims[0], dims[1]}, [&](const std::vector<std::string>& iv) {
        const std::string value = text.load(a, listed(iv));
        text.store(text.add(text.load(out_wide, iv[1]), text.mul(text.load(tall, iv[0]), value)), out_wide,
                   iv[1]);
        text.store(text.add(text.load(out_tall, iv[0]), text.mul(value, text.load(wide, iv[1]))), out_tall,
                   iv[0]);
      });
      break;
    }
    default: {  // a sum of two products
      const std::string b = text.buffer(dims), other = text.buffer({dims[0]});
      multiply(a, false, wide, tall, column_first);
      multiply(b, false, wide, other, column_first);
      text.loop(0, dims[0], [&](const std::string& row) {
        text.store(text.add(text.load(tall, row), text.mul(text.constant(1.5), text.load(other, row))), tall,
                   row);
      });
    }
  }
}

void write_matmul(KernelText& text, KernelDraw& draw) {
  const Layout layout(draw);
  const bool cleared = draw.chance(0.4);
  const auto mnk = draw.extents(3, 1.0, 4);
  const std::string a = matrix(text, layout.a_transposed, mnk[0], mnk[2]);
  const std::string b = matrix(text, layout.b_transposed, mnk[2], mnk[1]);
  const std::string c = text.buffer({mnk[0], mnk[1]});
  const std::string alpha = layout.scaled ? text.scalar() : "";
  if (cleared) clear(text, c, {mnk[0], mnk[1]});
  add_product(text, layout, mnk, a, b, c, alpha);
}

void write_batched_matmul(KernelText& text, KernelDraw& draw) {
  const Layout layout(draw);
  const auto dims = draw.extents(4, 1.0, 3);
  const KernelText::Dims mnk = {dims[1], dims[2], dims[3]};
  const auto batched = [&](bool transposed, std::int64_t rows, std::int64_t columns) {
    return text.buffer(transposed ? KernelText::Dims{dims[0], columns, rows}
                                  : KernelText::Dims{dims[0], rows, columns});
  };
  const std::string a = batched(layout.a_transposed, mnk[0], mnk[2]);
  const std::string b = batched(layout.b_transposed, mnk[2], mnk[1]);
  const std::string c = batched(false, mnk[0], mnk[1]);
  text.loop(0, dims[0],
            [&](const std::string& batch) { add_product(text, layout, mnk, a, b, c, "", batch + ", "); });
}

void write_matmul_chain(KernelText& text, KernelDraw& draw) {
  const Layout first(draw), second(draw);
  const auto products = draw.pick(2, 3);
  const auto dims = draw.extents(4, 1.0, 3);
  const auto m = dims[0], n = dims[1], k = dims[2],
             p = std::min<std::int64_t>(dims[3] * 4, dims[1] + dims[3]);
  const std::string a = matrix(text, first.a_transposed, m, k), b = matrix(text, first.b_transposed, k, n);
  const std::string ab = text.buffer({m, n});
  clear(text, ab, {m, n});
  add_product(text, first, {m, n, k}, a, b, ab, "");
  if (products == 2 && draw.chance(0.5)) {  // bias and activation between
    const std::string bias = text.buffer({n});
    text.nest({m, n}, [&](const std::vector<std::string>& iv) {
      const std::string value = text.add(text.load(ab, listed(iv)), text.load(bias, iv[1]));
      text.store(text.max(value, text.constant(0.0)), ab, listed(iv));
    });
  }
  Layout plain = second;
  plain.a_transposed = false;
  const std::string c = matrix(text, plain.b_transposed, n, p), out = text.buffer({m, p});
  clear(text, out, {m, p});
  add_product(text, plain, {m, p, n}, ab, c, out, "");
  if (products == 3) {
    const std::string d = text.buffer({p, n}), last = text.buffer({m, n});
    plain.b_transposed = false;
    clear(text, last, {m, n});
    add_product(text, plain, {m, n, p}, out, d, last, "");
  }
}

}  // namespace hone::cost
