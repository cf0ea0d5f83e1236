// What ChooseRange (ranges.h) is made of. Ranges that come back lie within the data's and
// zero, and are no wider than the data's.
#pragma once

#include "engine/quantize/ranges.h"

namespace bitscape::quantize {

// Both ends times `factor` in (0, 1]; an end on the far side of zero, which no scale looks at, only
// moves as far as the other end makes it.
RangeStatistics Shrunk(const RangeStatistics& range, double factor);

// The smallest magnitude that `percent` of the weight doesn't exceed (nearest rank); the smallest
// positive one where that is 0 though the data isn't.
RangeStatistics PercentileRange(double percent, const RangeStatistics& range, const Sample& sample);

// The factor whose ScalingForRange gives the least squared error under Round.
RangeStatistics LeastErrorRange(const formats::Quantizer& quantizer, const RangeStatistics& range,
                                const Sample& sample);
// That error: the sum of weight * (rounded - value)^2 over the total weight.
double RangeError(const formats::Quantizer& quantizer, const RangeStatistics& range,
                  const Sample& sample);

// The threshold of |x| with the least Kullback-Leibler divergence, of what is left without zeros
// and without numbers that more than a quarter of the nonzero values equal (the background of
// images): one number is no shape, and would alone decide. No threshold lies below them. The range
// of the data where nothing else is left.
RangeStatistics LeastDivergenceRange(const formats::Quantizer& quantizer,
                                     const RangeStatistics& range, const Sample& sample);

// The clip of least expected squared error of a Laplace or Gauss density.
RangeStatistics AciqRange(const formats::Quantizer& quantizer, const RangeStatistics& range,
                          const Sample& sample);

// For 2^bits uniform levels over [-clip, clip] (Banner et al. 2019, arXiv 1810.05723), with
// rounding noise step^2 / 12, step = 2 clip / 2^bits. Laplace, clip in units of b = E|x - mu|: the
// error 2 b^2 exp(-clip/b) + clip^2 / (3 4^bits) is least where (clip/b) exp(clip/b) = 3 4^bits.
double LaplaceClip(double bits);
// Gauss, in units of sigma: the error 2 Integral_clip^inf (x - clip)^2 phi(x) dx + clip^2 / (3
// 4^bits) is least where clip / (3 4^bits) = 2 (phi(clip) - clip Q(clip)).
double GaussClip(double bits);

}  // namespace bitscape::quantize
