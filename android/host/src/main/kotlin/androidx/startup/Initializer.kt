package androidx.startup

import android.content.Context

// Stand-ins for androidx.startup 1.2, which is not on Maven Central.
interface Initializer<T> {
    fun create(context: Context): T

    fun dependencies(): List<Class<out Initializer<*>>>
}

/** Makes each initializer once, those that it depends on first. */
class AppInitializer private constructor(private val context: Context) {
    private val made = HashMap<Class<*>, Any?>()

    @Suppress("UNCHECKED_CAST")
    fun <T> initializeComponent(component: Class<out Initializer<T>>): T {
        if (component !in made) {
            val initializer = component.getDeclaredConstructor().newInstance()
            initializer.dependencies().forEach { initializeComponent(it as Class<Initializer<Any>>) }
            made[component] = initializer.create(context)
        }
        return made[component] as T
    }

    companion object {
        fun getInstance(context: Context): AppInitializer = AppInitializer(context)
    }
}
