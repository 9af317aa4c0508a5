//! The weights of a network by name.

use candle_core::{Device, Tensor, Var};

use super::ops::{numbers, tensor, tensor_on};
use crate::{Error, Result};

/// Weights by name, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Parameters {
    names: Vec<String>,
    vars: Vec<Var>,
    /// Whether each is trained.
    trained: Vec<bool>,
    /// The weight decay of each that has one of its own.
    decays: Vec<Option<f64>>,
}

impl Parameters {
    /// Adds the weight `name`, row-major.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the values do not fill the shape.
    pub fn add(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<()> {
        self.vars.push(Var::from_tensor(&tensor(values, shape)?)?);
        self.names.push(name.to_owned());
        self.trained.push(true);
        self.decays.push(None);
        Ok(())
    }

    /// The weight `name`.
    ///
    /// # Errors
    /// [`Error::Data`] when there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        let at = self.names.iter().position(|known| known == name);
        let at = at.ok_or_else(|| Error::data(format!("there is no weight {name}")))?;
        Ok(self.vars[at].as_tensor())
    }

    /// Names and weights.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.names.iter().map(String::as_str).zip(&self.vars)
    }

    /// The weights alone.
    #[must_use]
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Trains these weights only, in their order; the others keep their very bits.
    pub fn train(&mut self, which: &[bool]) {
        self.trained = (0..self.vars.len()).map(|at| which.get(at) != Some(&false)).collect();
    }

    /// Whether each weight is trained.
    #[must_use]
    pub fn trained(&self) -> &[bool] {
        &self.trained
    }

    /// Gives the weights whose names `is_meant` a weight decay of their own.
    pub fn decay(&mut self, decay: f64, is_meant: impl Fn(&str) -> bool) {
        for (name, own) in self.names.iter().zip(&mut self.decays) {
            if is_meant(name) {
                *own = Some(decay);
            }
        }
    }

    /// The weight decay of each weight that has one of its own.
    #[must_use]
    pub fn decays(&self) -> &[Option<f64>] {
        &self.decays
    }

    /// The numbers of all weights.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub fn values(&self) -> Result<Vec<Vec<f32>>> {
        let values = |var: &Var| Ok(numbers(var.as_tensor())?.to_vec());
        self.vars.iter().map(values).collect()
    }

    /// Sets all weights to `values`, in their order.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the values do not fill the weights.
    pub fn set(&self, values: &[Vec<f32>]) -> Result<()> {
        for (var, values) in self.vars.iter().zip(values) {
            var.set(&tensor_on(values.clone(), var.shape().clone(), var.device())?)?;
        }
        Ok(())
    }

    /// The device that the weights are on.
    #[must_use]
    pub fn device(&self) -> Device {
        self.vars.first().map_or(Device::Cpu, |var| var.device().clone())
    }

    /// Moves all weights to `device`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when it has no room for them.
    pub fn move_to(&mut self, device: &Device) -> Result<()> {
        if !self.device().same_device(device) {
            for var in &mut self.vars {
                *var = Var::from_tensor(&var.to_device(device)?)?;
            }
        }
        Ok(())
    }
}
