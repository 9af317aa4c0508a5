mod golden;
mod loading;
mod other_weights;
