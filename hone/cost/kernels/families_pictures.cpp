// Pictures: pixels, resampling.
#include <fmt/format.h>

#include "hone/cost/kernels/families.h"

namespace hone::cost {

void write_pixels(KernelText& text, KernelDraw& draw) {
  const auto channels = draw.pick(3, 4), kind = draw.pick(0, 3);
  const bool planes = draw.chance(0.3);
  const auto n = draw.extents(1, static_cast<double>(channels), 8).front();
  const auto picture = [&] {
    return text.buffer(planes ? KernelText::Dims{channels, n} : KernelText::Dims{n, channels});
  };
  const auto at = [&](const std::string& pixel, std::int64_t channel) {
    const std::string c = fmt::format("{}", channel);
    return planes ? listed({c, pixel}) : listed({pixel, c});
  };
  const std::string source = picture(), other = kind == 2 ? picture() : "";
  const std::string target = kind == 0 ? text.buffer({n}) : picture();
  text.loop(0, n, [&](const std::string& pixel) {
    std::vector<std::string> values;
    for (std::int64_t c = 0; c < channels; ++c) values.push_back(text.load(source, at(pixel, c)));
    if (kind == 2) {  // one over another, by its last channel
      const std::string& alpha = values.back();
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::string below = text.load(other, at(pixel, c));
        text.store(text.add(below, text.mul(alpha, text.sub(values[static_cast<std::size_t>(c)], below))),
                   target, at(pixel, c));
      }
      return;
    }
    for (std::int64_t c = 0; c < (kind == 0 ? 1 : channels); ++c) {  // grey, a matrix, or a clipped gain
      std::string value;
      if (kind == 3) {
        value =
            text.add(text.mul(values[static_cast<std::size_t>(c)], text.constant(1.25)), text.constant(0.05));
        value = text.min(text.max(value, text.constant(0.0)), text.constant(1.0));
      } else {
        for (const std::string& one : values) {
          const std::string part = text.mul(one, text.constant(0.1 + 0.5 * draw.group.uniform()));
          value = value.empty() ? part : text.add(value, part);
        }
      }
      text.store(value, target, kind == 0 ? pixel : at(pixel, c));
    }
  });
}

void write_resampling(KernelText& text, KernelDraw& draw) {
  const auto factor = draw.pick(2, 4), kind = draw.pick(0, 3);
  const bool channels_last = draw.chance(0.3);
  const auto dims = draw.extents(3, static_cast<double>(factor), 3);
  const auto channels = dims[0], rows = dims[1] + 1, columns = dims[2] + 1;
  const auto grid = [&](std::int64_t r, std::int64_t c) {
    return text.buffer(channels_last ? KernelText::Dims{r, c, channels} : KernelText::Dims{channels, r, c});
  };
  const auto at = [&](const std::string& ch, const std::string& r, const std::string& c) {
    return channels_last ? listed({r, c, ch}) : listed({ch, r, c});
  };
  const auto each = [&](std::int64_t r, std::int64_t c, const auto& body) {
    text.nest(channels_last ? KernelText::Dims{r, c, channels} : KernelText::Dims{channels, r, c},
              [&](const std::vector<std::string>& iv) {
                if (channels_last)
                  body(iv[2], iv[0], iv[1]);
                else
                  body(iv[0], iv[1], iv[2]);
              });
  };
  if (kind == 0) {  // nearest, from where each element comes
    const std::string x = grid(rows, columns), y = grid(rows * factor, columns * factor);
    each(rows * factor, columns * factor,
         [&](const std::string& ch, const std::string& r, const std::string& c) {
           text.store(text.load(x, at(ch, fmt::format("{} floordiv {}", r, factor),
                                      fmt::format("{} floordiv {}", c, factor))),
                      y, at(ch, r, c));
         });
  } else if (kind == 1) {  // every so many elements
    const std::string x = grid(rows * factor, columns * factor), y = grid(rows, columns);
    each(rows, columns, [&](const std::string& ch, const std::string& r, const std::string& c) {
      text.store(text.load(x, at(ch, scaled(r, factor), scaled(c, factor))), y, at(ch, r, c));
    });
  } else if (kind == 2) {  // linear between neighbours, all places of a cell in one iteration
    const std::string x = grid(rows + 1, columns + 1), y = grid(rows * 2, columns * 2);
    each(rows, columns, [&](const std::string& ch, const std::string& r, const std::string& c) {
      const std::string a = text.load(x, at(ch, r, c)), b = text.load(x, at(ch, r, scaled(c, 1, 1))),
                        d = text.load(x, at(ch, scaled(r, 1, 1), c)),
                        e = text.load(x, at(ch, scaled(r, 1, 1), scaled(c, 1, 1)));
      const std::string half = text.constant(0.5);
      text.store(a, y, at(ch, scaled(r, 2), scaled(c, 2)));
      text.store(text.mul(text.add(a, b), half), y, at(ch, scaled(r, 2), scaled(c, 2, 1)));
      text.store(text.mul(text.add(a, d), half), y, at(ch, scaled(r, 2, 1), scaled(c, 2)));
      text.store(text.mul(text.mul(text.add(text.add(a, b), text.add(d, e)), half), half), y,
                 at(ch, scaled(r, 2, 1), scaled(c, 2, 1)));
    });
  } else {  // restriction to a coarser grid, weighted
    const std::string x = grid(rows * 2 + 2, columns * 2 + 2), y = grid(rows, columns);
    each(rows, columns, [&](const std::string& ch, const std::string& r, const std::string& c) {
      std::string sum;
      for (std::int64_t dr = 0; dr < 3; ++dr)
        for (std::int64_t dc = 0; dc < 3; ++dc) {
          const std::string part =
              text.mul(text.load(x, at(ch, scaled(r, 2, dr), scaled(c, 2, dc))),
                       text.constant((dr == 1 ? 2.0 : 1.0) * (dc == 1 ? 2.0 : 1.0) / 16.0));
          sum = sum.empty() ? part : text.add(sum, part);
        }
      text.store(sum, y, at(ch, r, c));
    });
  }
}

}  // namespace hone::cost
