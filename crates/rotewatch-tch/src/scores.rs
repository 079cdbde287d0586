//! What a network says of each row, from its outputs and the rows' labels. Computed on the tensors' own device; only the results are copied.

use tch::{Kind, Tensor};

use rotewatch_core::vocabulary::rows::RowNumbers;

/// Numbers of rows whose outputs are scores of classes.
///
/// # Shape
/// `logits` is `[rows, classes]`; `labels` is `[rows]`, one class each, and may be wrong: without labels there are no losses and no errors.
///
/// # Panics
/// If the shapes do not match, or a label is no class.
#[must_use]
pub fn of_classes(logits: &Tensor, labels: Option<&Tensor>) -> RowNumbers {
    let logs = logits.detach().log_softmax(1, Kind::Float);
    let chances = logs.exp();
    let predictions = logs.argmax(1, false);
    let labels = labels.map(|labels| labels.to_device(logs.device()));
    // In evaluation mode dead classes have a chance of 0, whose logarithm times 0 counts as 0.
    let entropy = (&chances * logs.clamp_min(f64::from(f32::MIN))).sum_dim_intlist(1, false, Kind::Float).neg();
    RowNumbers {
        losses: labels.as_ref().map(|labels| floats(&logs.gather(1, &labels.unsqueeze(1), false).squeeze_dim(1).neg())),
        errors: labels.as_ref().map(|labels| floats(&predictions.ne_tensor(labels))),
        predictions: Some(classes(&predictions)),
        confidence: Some(floats(&chances.amax(1, false))),
        entropy: Some(floats(&entropy)),
    }
}

/// Numbers of rows whose outputs are values: the mean squared error of each row.
///
/// # Shape
/// `outputs` and `targets` are `[rows, ...]`, of the same shape.
///
/// # Panics
/// If the shapes do not match.
#[must_use]
pub fn of_values(outputs: &Tensor, targets: &Tensor) -> RowNumbers {
    assert_eq!(outputs.size(), targets.size(), "outputs and targets must have the same shape");
    let squares = (outputs.detach() - targets.to_device(outputs.device()))
        .square()
        .reshape([outputs.size().first().copied().unwrap_or(0), -1]);
    RowNumbers { losses: Some(floats(&squares.mean_dim(1, false, Kind::Float))), ..RowNumbers::default() }
}

/// The tensor's numbers, row by row.
pub(crate) fn floats(tensor: &Tensor) -> Vec<f32> {
    let on_host = tensor.to_device(tch::Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0.0; on_host.numel()];
    on_host.copy_data(&mut values, on_host.numel());
    values
}

fn classes(tensor: &Tensor) -> Vec<i64> {
    let on_host = tensor.to_device(tch::Device::Cpu).to_kind(Kind::Int64).contiguous();
    let mut values = vec![0; on_host.numel()];
    on_host.copy_data(&mut values, on_host.numel());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_losses_errors_confidence_and_entropy() {
        let logits = Tensor::from_slice2(&[[0.0_f32, 0.0], [f32::ln(3.0), 0.0]]);
        let numbers = of_classes(&logits, Some(&Tensor::from_slice(&[1_i64, 1])));
        let near = |values: &Option<Vec<f32>>, wanted: [f32; 2]| {
            let values = values.as_ref().expect("it is known");
            assert!(values.iter().zip(wanted).all(|(value, wanted)| (value - wanted).abs() < 1e-6), "{values:?}");
        };
        near(&numbers.losses, [2.0_f32.ln(), 4.0_f32.ln()]);
        near(&numbers.confidence, [0.5, 0.75]);
        near(&numbers.entropy, [2.0_f32.ln(), 0.25 * 4.0_f32.ln() + 0.75 * (4.0_f32 / 3.0).ln()]);
        assert_eq!(numbers.errors.as_ref().map(|errors| errors[1]), Some(1.0));
        assert_eq!(numbers.predictions.as_ref().map(|predictions| predictions[1]), Some(0));
        let unlabelled = of_classes(&logits, None);
        assert!(unlabelled.losses.is_none() && unlabelled.errors.is_none() && unlabelled.predictions.is_some());
    }

    #[test]
    fn a_class_without_a_chance_adds_no_entropy() {
        let logits = Tensor::from_slice2(&[[0.0_f32, f32::NEG_INFINITY]]);
        assert_eq!(of_classes(&logits, None).entropy, Some(vec![0.0]));
    }

    #[test]
    fn values_have_the_mean_squared_error_of_each_row() {
        let outputs = Tensor::from_slice2(&[[1.0_f32, 2.0], [0.0, 0.0]]);
        let targets = Tensor::from_slice2(&[[1.0_f32, 0.0], [3.0, 3.0]]);
        assert_eq!(of_values(&outputs, &targets).losses, Some(vec![2.0, 9.0]));
    }
}
