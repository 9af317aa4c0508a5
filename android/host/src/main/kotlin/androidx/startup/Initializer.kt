package androidx.startup

import android.content.Context

// A stand-in for androidx.startup 1.2, which is not on Maven Central.
interface Initializer<T> {
    fun create(context: Context): T

    fun dependencies(): List<Class<out Initializer<*>>>
}
